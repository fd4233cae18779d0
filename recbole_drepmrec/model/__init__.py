"""The recommenders, one a module."""
