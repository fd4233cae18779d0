"""What a finished run has learnt, as files that other programs read without this package."""

from recbole_drepmrec.inference.export.index import ids_file, write_index
from recbole_drepmrec.inference.export.scorer import write_scorer
from recbole_drepmrec.inference.export.vectors import write_npz, write_parquet

__all__ = ["ids_file", "write_index", "write_npz", "write_parquet", "write_scorer"]
