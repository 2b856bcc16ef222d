"""Gateways' dialects, one file each: how a payload is read, and how a verdict is written."""

from service.dialects import (
    agentgateway,
    agents,
    azure,
    bedrock,
    kong,
    lakera,
    litellm,
    llm_guard,
    openai_moderations,
    own,
    portkey,
    presidio,
    truefoundry,
)
from service.dialects.route import Look, Route

ROUTES: tuple[Route, ...] = (
    *own.ROUTES,
    *portkey.ROUTES,
    *litellm.ROUTES,
    *agentgateway.ROUTES,
    *truefoundry.ROUTES,
    *kong.ROUTES,
    *agents.ROUTES,
    *presidio.ROUTES,
    *lakera.ROUTES,
    *bedrock.ROUTES,
    *openai_moderations.ROUTES,
    *llm_guard.ROUTES,
    *azure.ROUTES,
)
LOOKS: tuple[Look, ...] = (*kong.LOOKS, *presidio.LOOKS)
