"""Importers: data sets of other layouts, read and written in ours."""

from recbole_drepmrec.data.importers.imported import Importer
from recbole_drepmrec.data.importers.layouts import csv, mmrec, recbole

LAYOUTS: dict[str, Importer] = {"mmrec": mmrec, "csv": csv, "recbole": recbole}
"""What ``recbole-drepmrec prepare`` can read, by name."""
