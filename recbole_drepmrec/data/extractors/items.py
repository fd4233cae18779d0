"""The items of a data set and what its files say of them in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd

from recbole_drepmrec.data.atomic_files import Column, read_columns, read_header
from recbole_drepmrec.data.importers.checks import check_ids
from recbole_drepmrec.errors import UserError


@dataclass(frozen=True)
class Items:
    """Items and texts.

    Attributes:
        ids: Raw ids, each once: those of the ``.item`` file, then others of the interactions.
        columns: Name of a column of ``.item`` to one text an item; empty where there is none.
    """

    ids: list[str]
    columns: dict[str, list[str]]


@dataclass(frozen=True)
class ItemFiles:
    """RecBole's atomic files of one data set, and how they are read.

    Attributes:
        folder: The data set's folder.
        name: Its name.
        item_field: Name of the column of raw item ids.
        separator: What parts two columns.
        encoding: Of the text.
        parts: Names of the splits, each a file of interactions; empty for a single file.
    """

    folder: Path
    name: str
    item_field: str
    separator: str
    encoding: str
    parts: Sequence[str] = ()

    @classmethod
    def from_config(cls, config: Any) -> Self:
        """The files that a RecBole configuration names."""
        return cls(
            Path(config["data_path"]),
            config["dataset"],
            config["ITEM_ID_FIELD"],
            config["field_separator"],
            config["encoding"] or "utf-8",
            config["benchmark_filename"] or (),
        )

    def read(self, wanted: Sequence[str] = ()) -> Items:
        """Read all items, and the wanted columns of ``.item`` as text.

        Args:
            wanted: Names of columns; with none, ``.item`` need not be there.

        Raises:
            UserError: A file or column is missing or malformed, an item stands twice in ``.item``,
                or an id cannot stand in a list of ids.
        """
        path = self.folder / f"{self.name}.item"
        if wanted and not path.is_file():
            raise UserError(
                f"{path} does not exist; {', '.join(wanted)} would be columns of that file, one "
                "row an item."
            )
        frame = (
            self._columns(path, wanted) if path.is_file() else pd.DataFrame({self.item_field: []})
        )
        repeated = frame[self.item_field].duplicated()
        if repeated.any():
            first = frame.loc[repeated, self.item_field].iloc[0]
            raise UserError(f"{path} has the item {first!r} twice; keep one row of it.")
        ids = dict.fromkeys(frame[self.item_field])
        for file in self._interactions():
            ids.update(dict.fromkeys(self._columns(file, ())[self.item_field].unique()))
        if not ids:
            raise UserError(
                f"{self.folder} holds neither {self.name}.item nor {self.name}.inter, so its items "
                "are unknown; put the data set there, or set --data_path."
            )
        check_ids(f"{self.name}'s {self.item_field}", ids)
        absent = [""] * (len(ids) - len(frame))
        columns = {name: [*frame[name].fillna("").astype(str), *absent] for name in wanted}
        return Items(list(ids), columns)

    def _interactions(self) -> list[Path]:
        names = [f"{self.name}.{part}.inter" for part in self.parts] or [f"{self.name}.inter"]
        return [path for name in names if (path := self.folder / name).is_file()]

    def _columns(self, path: Path, wanted: Sequence[str]) -> pd.DataFrame:
        """The ids and the wanted columns, whatever their type, as text."""
        header = [column.name for column in read_header(path, self.separator, self.encoding)]
        for name in (self.item_field, *wanted):
            if name not in header:
                raise UserError(
                    f"{path} has no column '{name}'; it has {', '.join(header)}. Name one of these."
                )
        texts = [Column(name, "token") for name in header]
        kept = [column for column in texts if column.name in {self.item_field, *wanted}]
        return read_columns(path, texts, kept, self.separator, self.encoding)
