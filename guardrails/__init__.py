"""Guardrails for LLM traffic: judge a request or a response by a policy in YAML."""

__version__ = "0.1.0"

DISTRIBUTION = "llm-traffic-guardrails"
"""The name of the distribution: two public packages also install a top-level `guardrails`."""
