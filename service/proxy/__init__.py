"""`guardrails proxy`: between a client and a gateway or provider, both ways, streams included."""

from service.proxy.app import create_proxy

__all__ = ["create_proxy"]
