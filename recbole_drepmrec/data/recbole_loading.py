"""RecBole's way from files to data frames, fast and with errors that a user can act on."""

from pathlib import Path
from typing import Any

import pandas as pd
import torch
from recbole.data.dataset import Dataset
from recbole.utils import FeatureSource, FeatureType

from recbole_drepmrec.data.atomic_files import Column, read_columns, read_header, split_sequences
from recbole_drepmrec.data.download import download
from recbole_drepmrec.errors import UserError

# The config keys whose columns a kind of file must have, as tokens.
_NEEDED: dict[Any, tuple[str, ...]] = {
    FeatureSource.INTERACTION: ("USER_ID_FIELD", "ITEM_ID_FIELD"),
    FeatureSource.USER: ("USER_ID_FIELD",),
    FeatureSource.ITEM: ("ITEM_ID_FIELD",),
    FeatureSource.KG: ("HEAD_ENTITY_ID_FIELD", "RELATION_ID_FIELD", "TAIL_ENTITY_ID_FIELD"),
    "link": ("ITEM_ID_FIELD", "ENTITY_ID_FIELD"),
}


class LoadingMixin(Dataset):
    """The loading half of :class:`~recbole_drepmrec.data.recbole_dataset.SafeDatasetMixin`."""

    def _download(self) -> None:
        if self.config["local_rank"] == 0:
            download(self.dataset_name, Path(self.dataset_path))
        if torch.distributed.is_initialized():
            torch.distributed.barrier()

    def _load_inter_feat(self, token: str, dataset_path: str) -> None:
        names = self.benchmark_filename_list
        parts = [token] if names is None else [f"{token}.{name}" for name in names]
        for part in parts:
            _require_file(Path(dataset_path, f"{part}.inter"), "the interactions")
        super()._load_inter_feat(token, dataset_path)

    def _load_kg(self, token: str, dataset_path: str) -> Any:
        _require_file(Path(dataset_path, f"{token}.kg"), "the triples of the knowledge graph")
        return super()._load_kg(token, dataset_path)

    def _load_link(self, token: str, dataset_path: str) -> Any:
        _require_file(Path(dataset_path, f"{token}.link"), "which item is which entity")
        return super()._load_link(token, dataset_path)

    def _load_feat(self, filepath: str, source: Any) -> pd.DataFrame | None:
        """Read the columns that ``load_col`` and ``unload_col`` leave, and note their properties.

        Raises:
            UserError: The file is malformed, or lacks a column that its kind of file needs.
        """
        path = Path(filepath)
        separator, encoding = self.config["field_separator"], self.config["encoding"]
        load, unload = self._get_load_and_unload_col(source)
        if load == set() and source != FeatureSource.INTERACTION:
            return None
        columns = read_header(path, separator, encoding)
        wanted = [
            column
            for column in columns
            if (load is None or column.name in load) and column.name not in (unload or ())
        ]
        self._require_columns(path, source, columns, wanted)
        if not wanted:
            self.logger.warning(f"No column of {path} is loaded: load_col and unload_col drop all.")
            return None
        frame = read_columns(path, columns, wanted, separator, encoding)
        for column in wanted:
            if source != "link":  # RecBole keeps links as two dicts, not as fields
                self._note_column(column, source)
            if column.type.endswith("seq"):
                self._split_sequence_column(path, frame, column)
        return frame

    def _require_columns(
        self, path: Path, source: Any, columns: list[Column], wanted: list[Column]
    ) -> None:
        types = {column.name: column.type for column in wanted}
        for key in _NEEDED.get(source, ()):
            field = self.config[key]
            if field is None or types.get(field) == "token":
                continue
            raise UserError(
                f"{path} gives no column '{field}:token' (config key {key}). Its header has "
                f"{', '.join(':'.join(column) for column in columns)}; of these load_col and "
                f"unload_col keep {', '.join(types) or 'none'}. Rename the column in the file, "
                f"or set {key} or load_col."
            )

    def _note_column(self, column: Column, source: Any) -> None:
        self.field2source[column.name] = source
        self.field2type[column.name] = FeatureType(column.type)
        if not column.type.endswith("seq"):
            self.field2seqlen[column.name] = 1
        if column.type.startswith("float"):
            self.field2bucketnum[column.name] = 2

    def _split_sequence_column(self, path: Path, frame: pd.DataFrame, column: Column) -> None:
        values = split_sequences(path, column, frame[column.name], self.config["seq_separator"])
        longest = max(len(value) for value in values)
        limit = (self.config["seq_len"] or {}).get(column.name, longest)
        frame[column.name] = pd.Series([value[:limit] for value in values], dtype=object)
        self.field2seqlen[column.name] = min(limit, longest)


def _require_file(path: Path, content: str) -> None:
    if path.is_file():
        return
    beside = sorted(file.name for file in path.parent.iterdir() if file.is_file())
    raise UserError(
        f"{path} is missing; it should hold {content}. The folder holds "
        f"{', '.join(beside) or 'no files'}. Put the file there, or set dataset or data_path."
    )
