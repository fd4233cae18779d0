"""Comparing models: many runs on equal terms, what they gave for each user, and what that shows."""
