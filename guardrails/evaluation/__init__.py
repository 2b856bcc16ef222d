"""Measuring what the detectors find on labelled data: one file for each sort of data."""
