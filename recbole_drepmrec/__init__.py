"""DRepMRec and multimodal recommendation for RecBole."""

from recbole_drepmrec import compat

__version__ = "0.1.0"

# Before anything imports RecBole, and in every process that a launcher starts.
compat.install()
