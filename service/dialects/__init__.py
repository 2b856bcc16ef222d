"""Gateways' dialects, one file each: how a payload is read, and how a verdict is written."""
