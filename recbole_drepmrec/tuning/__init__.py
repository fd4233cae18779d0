"""The search for a model's settings by validation data alone."""
