"""The files of an extracted modality, and that nobody else's are replaced."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recbole_drepmrec.data.extractors.chunks import Chunks
from recbole_drepmrec.data.features import file_hash
from recbole_drepmrec.data.importers.checks import check_modality_name
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import atomic_file

_NAMED = 3
"""Broken inputs that a message names; the report has all."""


@dataclass(frozen=True)
class Target:
    """Where the features of one modality go.

    Attributes:
        folder: The data set's folder.
        modality: The modality's name.
    """

    folder: Path
    modality: str

    @property
    def entry(self) -> dict[str, str]:
        """What stands for the modality in a property file."""
        return {"file": f"{self.modality}_feat.npy", "ids": f"{self.modality}_ids.txt"}

    @property
    def features(self) -> Path:
        """The matrix, float32, one row an item that has the modality."""
        return self.folder / self.entry["file"]

    @property
    def ids(self) -> Path:
        """Raw item id of each row, one a line."""
        return self.folder / self.entry["ids"]

    @property
    def report(self) -> Path:
        """How the features were made and which items have none, as JSON."""
        return self.folder / f"{self.modality}_extraction.json"

    @property
    def chunks(self) -> Path:
        """What is finished of an extraction under way."""
        return self.folder / f".{self.modality}_extraction"

    def check(self, modalities: Any) -> None:
        """Refuse to replace features that were not extracted, or are configured otherwise.

        Args:
            modalities: The data set's ``modalities``, as configured.

        Raises:
            UserError: The name is taken, or not usable.
        """
        check_modality_name(self.modality, "mend --modality")
        for path in (self.features, self.ids):
            if path.exists() and not self.report.is_file():
                raise UserError(
                    f"{path} was not written by `extract`; move it away, or choose another "
                    "--modality."
                )
        configured = modalities if isinstance(modalities, Mapping) else {}
        if self.modality in configured:
            given = configured[self.modality]
            if not isinstance(given, Mapping) or not self.entry.items() <= given.items():
                raise UserError(
                    f"the modality '{self.modality}' is configured already, as {given!r}; choose "
                    f"another --modality, or configure it as {self.entry}."
                )

    def write(self, ids: list[str], chunks: Chunks, report: Mapping[str, Any]) -> dict[str, Any]:
        """Put the chunks together; the caller removes them when all else is done.

        A kill in between leaves no matrix beside the ids of another: they are removed before the
        matrix is replaced. The chunks are still there, so that the same command goes on here too.

        Args:
            ids: Raw item id of each row of the source.
            chunks: All of its rows.
            report: How the features were made.

        Returns:
            The report with the outcome: ``rows``, ``dimensions``, ``broken``, ``sha256``.

        Raises:
            UserError: There is no row at all, or the disk cannot be written.
        """
        kept, broken, width = self._outcome(ids, chunks)
        with atomic_file(self.features) as temporary:
            with temporary.open("wb") as file:
                header = {"descr": "<f4", "fortran_order": False, "shape": (len(kept), width)}
                np.lib.format.write_array_header_1_0(file, header)
                for chunk in chunks:
                    file.write(chunk.features.astype("<f4").tobytes())
            outcome = {"rows": len(kept), "dimensions": width, "broken": broken}
            full = {**report, **outcome, "sha256": file_hash(temporary)}
            _write_text(self.report, json.dumps(full, indent=2, ensure_ascii=False) + "\n")
            self.ids.unlink(missing_ok=True)
        _write_text(self.ids, "".join(f"{raw}\n" for raw in kept))
        return full

    def remove_chunks(self) -> None:
        """Remove what was kept of the extraction under way."""
        shutil.rmtree(self.chunks, ignore_errors=True)

    def _outcome(self, ids: list[str], chunks: Chunks) -> tuple[list[str], dict[str, str], int]:
        """Ids of the encoded rows, ids and reasons of the others, and how wide a row is."""
        kept: list[str] = []
        broken: dict[str, str] = {}
        width = 0
        for chunk in chunks:
            kept += [ids[row] for row in chunk.rows]
            broken |= {ids[row]: reason for row, reason in chunk.broken.items()}
            width = max(width, chunk.features.shape[1])
        if not kept:
            self.remove_chunks()
            raise UserError(
                f"no input of {len(ids)} can be read: {examples(broken)}. Mend them; nothing "
                "was written."
            )
        return kept, broken, width


def examples(broken: Mapping[str, str]) -> str:
    """The first few broken inputs with their reasons, on one line."""
    shown = [f"'{item}' ({reason})" for item, reason in list(broken.items())[:_NAMED]]
    return ", ".join(shown) + (", ..." if len(broken) > _NAMED else "")


def _write_text(path: Path, text: str) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
