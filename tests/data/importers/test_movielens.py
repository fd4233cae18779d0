"""MovieLens 100k and 1M as GroupLens publishes them."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recbole_drepmrec.data.importers.movielens import GENRES_100K, import_movielens
from recbole_drepmrec.data.importers.write import write_dataset
from recbole_drepmrec.errors import UserError

RATINGS = [("196", "1", "3", "881250949"), ("186", "2", "4", "891717742"), ("196", "2", "1", "9")]
MOVIES = [
    ("1", "Toy Story (1995)", ("Animation", "Children's")),
    ("2", "Misérables, Les", ("Drama",)),
]
ROWS = [("196", "1", 3.0, 881250949.0), ("186", "2", 4.0, 891717742.0), ("196", "2", 1.0, 9.0)]
ITEMS = [("1", "Toy Story (1995)", "Animation Children's"), ("2", "Misérables, Les", "Drama")]


def write_movielens(folder: Path, edition: str) -> Path:
    if edition == "100k":
        ratings = "".join("\t".join(row) + "\n" for row in RATINGS)
        movies = ""
        for item, title, genres in MOVIES:
            flags = ["1" if genre in genres else "0" for genre in GENRES_100K]
            movies += "|".join([item, title, "01-Jan-1995", "", "http://x", *flags]) + "\n"
        names = ("u.data", "u.item")
    else:
        ratings = "".join("::".join(row) + "\n" for row in RATINGS)
        movies = "".join("::".join([i, title, "|".join(g)]) + "\n" for i, title, g in MOVIES)
        names = ("ratings.dat", "movies.dat")
    for name, text in zip(names, (ratings, movies), strict=True):
        (folder / name).write_bytes(text.encode("latin-1"))
    return folder


@pytest.mark.parametrize("edition", ["100k", "1m"])
def test_both_editions_give_the_same(tmp_path: Path, edition: str) -> None:
    imported = import_movielens(write_movielens(tmp_path, edition), "ml")
    assert list(imported.interactions.columns) == ["user_id", "item_id", "rating", "timestamp"]
    assert list(imported.interactions.itertuples(index=False, name=None)) == ROWS
    assert imported.items is not None
    assert list(imported.items.columns) == ["item_id", "title", "genres"]
    assert list(imported.items.itertuples(index=False, name=None)) == ITEMS
    assert imported.features == {}
    assert imported.notes == []
    assert "GroupLens" in imported.licence


def test_nineteen_genres() -> None:
    assert len(GENRES_100K) == len(set(GENRES_100K)) == 19


def test_the_folder_above(tmp_path: Path) -> None:
    (tmp_path / "ml-100k").mkdir()
    write_movielens(tmp_path / "ml-100k", "100k")
    assert len(import_movielens(tmp_path, "ml").interactions) == 3


def test_items_without_a_line_are_noted(tmp_path: Path) -> None:
    write_movielens(tmp_path, "1m")
    with (tmp_path / "ratings.dat").open("a") as file:
        file.write("196::1::5::10\n\n7::99::5::10\r\n")
    imported = import_movielens(tmp_path, "ml")
    assert len(imported.interactions) == 5
    assert imported.notes == ["1 rated items are not in movies.dat"]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("u.data", "", "no ratings"),
        ("u.data", "1\t2\t3\t4\n1\t2\t3\n", "line 2: 3 columns, expected 4"),
        ("u.data", "1::2::3::4\n", "line 1: 1 columns"),
        ("u.data", "1\t2\tx\t4\n", "line 1: 'x' is no number"),
        ("u.data", "1\t2\tnan\t4\n", "line 1: 'nan' is no number"),
        ("u.data", "1\t\t3\t4\n", "the value ''"),
        ("u.item", "1|a\n", "line 1: 2 columns, expected 24"),
        ("u.item", "1|a|b||c" + "|0" * 18 + "|2\n", "line 1: the genres"),
        ("u.item", ("1|a|b||c" + "|0" * 19 + "\n") * 2, "line 2: item '1' stands twice"),
    ],
)
def test_lines_that_are_wrong(tmp_path: Path, file: str, text: str, message: str) -> None:
    write_movielens(tmp_path, "100k")
    (tmp_path / file).write_text(text)
    with pytest.raises(UserError, match=message):
        import_movielens(tmp_path, "ml")


def test_without_a_movie(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    write_movielens(source, "100k")
    (source / "u.item").write_text("")
    with pytest.raises(UserError, match="table of items is empty"):
        write_dataset(import_movielens(source, "ml"), "ml", tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither u.data"):
        import_movielens(tmp_path, "ml")
    with pytest.raises(UserError, match="does not exist"):
        import_movielens(tmp_path / "none", "ml")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edition=st.sampled_from(["100k", "1m"]),
    which=st.integers(0, 1),
    where=st.floats(0, 1),
    cut=st.floats(0, 1),
    extra=st.one_of(st.binary(max_size=6), st.sampled_from([b"::", b"\t", b"|", b"\n", b"\0"])),
)
def test_damaged_files_are_read_or_refused(
    tmp_path: Path, edition: str, which: int, where: float, cut: float, extra: bytes
) -> None:
    write_movielens(tmp_path, edition)
    names = {"100k": ("u.data", "u.item"), "1m": ("ratings.dat", "movies.dat")}[edition]
    path = tmp_path / names[which]
    data = path.read_bytes()
    at, end = int(where * len(data)), int(cut * len(data))
    path.write_bytes(data[:at] + extra + data[at : max(at, end)])
    for other in {"u.data", "u.item", "ratings.dat", "movies.dat"} - set(names):
        (tmp_path / other).unlink(missing_ok=True)
    with contextlib.suppress(UserError):
        assert len(import_movielens(tmp_path, "ml").interactions)
