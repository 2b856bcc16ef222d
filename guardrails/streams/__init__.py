"""Judging what arrives bit by bit: what must be held back of a text, and streams of provider events."""
