"""Tables and pictures of data and results."""
