"""MovieLens 100k (``u.data``, ``u.item``) and 1M (``ratings.dat``, ``movies.dat``)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recbole_drepmrec.data.importers.checks import check_ids
from recbole_drepmrec.data.importers.imported import Imported
from recbole_drepmrec.data.importers.source_files import need_folder
from recbole_drepmrec.errors import UserError

LICENCE = "GroupLens: for research use, not to be redistributed without permission"

GENRES_100K = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance"),
    *("Sci-Fi", "Thriller", "War", "Western"),
)
"""In the order of the flags at the end of a line of ``u.item``."""


@dataclass(frozen=True)
class Edition:
    """Names and form of an edition's files."""

    ratings: str
    movies: str
    ratings_separator: str
    movies_separator: str
    movie_columns: int


EDITIONS = {
    "100k": Edition("u.data", "u.item", "\t", "|", 5 + len(GENRES_100K)),
    "1m": Edition("ratings.dat", "movies.dat", "::", "::", 3),
}


def import_movielens(path: Path, name: str) -> Imported:
    """Read ratings with their times, and items with ``title`` and ``genres``; no features.

    Args:
        path: The unpacked folder, or the one above it.
        name: The data set's name, for the datasheet.

    Raises:
        UserError: Files are missing, or a line is not as published (its number is named).
    """
    need_folder(path, "MovieLens")
    folder, edition = _find(path)
    notes: list[str] = []
    interactions = _read_ratings(folder / edition.ratings, edition)
    items = _read_movies(folder / edition.movies, edition)
    unknown = set(interactions["item_id"]) - set(items["item_id"])
    if unknown:
        notes.append(f"{len(unknown)} rated items are not in {edition.movies}")
    return Imported(interactions, {}, items, f"{name}, MovieLens, {folder}", LICENCE, notes)


def _find(path: Path) -> tuple[Path, Edition]:
    for folder in (path, *sorted(entry for entry in path.iterdir() if entry.is_dir())):
        for edition in EDITIONS.values():
            if all((folder / file).is_file() for file in (edition.ratings, edition.movies)):
                return folder, edition
    raise UserError(
        f"{path} has neither u.data and u.item (100k) nor ratings.dat and movies.dat (1M); give "
        "the folder that the archive of GroupLens unpacks to, or --download 100k or 1m."
    )


def _read_ratings(path: Path, edition: Edition) -> pd.DataFrame:
    rows = []
    for line, (user, item, rating, time) in _lines(path, edition.ratings_separator, 4):
        rows.append((user, item, _number(path, line, rating), _number(path, line, time)))
    if not rows:
        raise UserError(f"{path} has no ratings; unpack the archive again.")
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "rating", "timestamp"])
    check_ids(str(path), frame["user_id"].unique())
    check_ids(str(path), frame["item_id"].unique())
    return frame


def _read_movies(path: Path, edition: Edition) -> pd.DataFrame:
    rows = {}
    for line, cells in _lines(path, edition.movies_separator, edition.movie_columns):
        if cells[0] in rows:
            raise UserError(f"{path}, line {line}: item {cells[0]!r} stands twice; drop one.")
        genres = cells[2].split("|") if len(cells) == 3 else _flagged(path, line, cells[5:])
        rows[cells[0]] = (" ".join(cells[1].split()), " ".join(genres))
    check_ids(str(path), rows)
    titles, genre_lists = [row[0] for row in rows.values()], [row[1] for row in rows.values()]
    return pd.DataFrame({"item_id": list(rows), "title": titles, "genres": genre_lists})


def _flagged(path: Path, line: int, flags: list[str]) -> list[str]:
    if set(flags) - {"0", "1"}:
        raise UserError(
            f"{path}, line {line}: the genres are {flags}, expected {len(GENRES_100K)} flags 0 or "
            "1. Unpack the archive again, or mend the line."
        )
    return [genre for genre, flag in zip(GENRES_100K, flags, strict=True) if flag == "1"]


def _lines(path: Path, separator: str, width: int) -> Iterator[tuple[int, list[str]]]:
    """Cells of each line and its number; latin-1, as GroupLens writes."""
    try:
        with path.open(encoding="latin-1", newline="\n") as file:
            for number, text in enumerate(file, start=1):
                cells = text.rstrip("\r\n").split(separator)
                if not text.strip():
                    continue
                if len(cells) != width:
                    raise UserError(
                        f"{path}, line {number}: {len(cells)} columns, expected {width} parted by "
                        f"{separator!r}. Unpack the archive again, or mend the line."
                    )
                yield number, cells
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror or error}; check the path."
        ) from error


def _number(path: Path, line: int, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UserError(
            f"{path}, line {line}: {text[:40]!r} is no number; expected user, item, rating and "
            "time. Unpack the archive again, or mend the line."
        )
    return number
