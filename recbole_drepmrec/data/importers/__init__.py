"""Importers: data sets of other layouts, read and written in ours."""

from recbole_drepmrec.data.importers.amazon import import_amazon
from recbole_drepmrec.data.importers.cornac import import_cornac
from recbole_drepmrec.data.importers.diffmm import import_diffmm
from recbole_drepmrec.data.importers.imported import Importer
from recbole_drepmrec.data.importers.lattice import import_lattice
from recbole_drepmrec.data.importers.layouts import import_csv, import_mmrec, import_recbole
from recbole_drepmrec.data.importers.movielens import import_movielens

LAYOUTS: dict[str, Importer] = {
    "csv": import_csv,
    "recbole": import_recbole,
    "mmrec": import_mmrec,
    "diffmm": import_diffmm,
    "lattice": import_lattice,
    "cornac": import_cornac,
    "movielens": import_movielens,
    "amazon": import_amazon,
}
"""What ``recbole-drepmrec prepare`` can read, by name."""
