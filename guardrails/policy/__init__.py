"""Policies: YAML to a validated, compiled, frozen set; diagnostics, lint, examples as tests."""
