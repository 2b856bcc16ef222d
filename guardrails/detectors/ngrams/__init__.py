"""Linear models over hashed n-grams: features, windows, heads."""
