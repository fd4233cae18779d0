"""A finished run over HTTP: what it recommends, and a page to try it."""
