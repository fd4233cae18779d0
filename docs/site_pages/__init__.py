"""Pages of the documentation site that are made out of the code, and what makes them readable."""
