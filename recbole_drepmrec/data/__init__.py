"""From files to interactions and features aligned to internal ids."""
