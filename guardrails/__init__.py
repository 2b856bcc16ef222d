"""Guardrails for LLM traffic: judge a request or a response by a policy in YAML."""

__version__ = "0.1.0"
