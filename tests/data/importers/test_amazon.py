"""Raw Amazon 2014 files, generated small."""

import contextlib
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recbole_drepmrec.data.importers import amazon_images, amazon_records
from recbole_drepmrec.data.importers.amazon import import_amazon, k_core, split_by_user
from recbole_drepmrec.data.importers.amazon_images import read_images
from recbole_drepmrec.errors import UserError
from tests.test_realdata import DATA

ITEMS = [f"B{number:09d}" for number in range(6)]
USERS = [f"A{number}" for number in range(6)]


def _review(user: str, item: str, rating: float = 5.0, when: int = 100) -> dict[str, Any]:
    return {
        "reviewerID": user,
        "asin": item,
        "overall": rating,
        "unixReviewTime": when,
        "reviewText": "ü \n 'x'",
    }


def write_lines(path: Path, lines: list[str]) -> None:
    data = "".join(line + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


REVIEWS = [
    _review(u, i, 1 + n % 5, n) for n, (u, i) in enumerate((u, i) for u in USERS for i in ITEMS)
]
"""A 6 × 6 block: a 5-core."""


def write_amazon(folder: Path) -> None:
    loose = [_review("LOOSE", ITEMS[0]), _review(USERS[0], "B999999999")]
    write_lines(folder / "reviews_Baby_5.json.gz", [json.dumps(r) for r in REVIEWS + loose])
    metadata = [
        {"asin": "B999999999", "title": "dropped"},
        {"asin": ITEMS[0], "title": "It's a\nbottle", "brand": "Foo", "description": "Good \\d."},
        {"asin": ITEMS[1], "categories": [["Baby", "Feeding"], ["Toys"]], "title": "Ring"},
        {"asin": ITEMS[2], "price": 3.5},
    ]
    write_lines(folder / "meta_Baby.json.gz", [repr(record) for record in metadata])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_amazon(tmp_path)
    return tmp_path


def write_images(path: Path, ids: list[str]) -> None:
    with path.open("wb") as file:
        for number, item in enumerate(ids):
            file.write(item.encode() + np.full(4096, number, "<f4").tobytes())


def test_the_core_is_kept_and_the_rest_is_dropped(folder: Path) -> None:
    imported = import_amazon(folder, "baby")
    frame = imported.interactions
    assert list(frame.columns) == ["user_id", "item_id", "rating", "timestamp", "split"]
    assert len(frame) == 36
    assert frame["user_id"].tolist()[:7] == [USERS[0]] * 6 + [USERS[1]]
    assert frame["rating"].tolist()[:3] == [1.0, 2.0, 3.0]
    assert frame["timestamp"].tolist() == list(map(float, range(36)))
    assert Counter(frame["split"]) == {"train": 24, "valid": 6, "test": 6}
    assert imported.features == {}
    assert any("no image_features_Baby.b" in note for note in imported.notes)


def test_text_of_items(folder: Path) -> None:
    items = import_amazon(folder, "baby").items
    assert items is not None
    assert items["item_id"].tolist() == ITEMS
    assert items["text"].tolist()[:3] == [
        "It's a bottle Foo Good \\d.",
        "Ring Baby Feeding Toys",
        "",
    ]


def test_json_and_literals_and_plain_files_are_the_same(folder: Path) -> None:
    expected = import_amazon(folder, "baby")
    (folder / "reviews_Baby_5.json.gz").unlink()
    write_lines(folder / "reviews_Baby_5.json", [repr(r) for r in REVIEWS])
    pd.testing.assert_frame_equal(import_amazon(folder, "baby").interactions, expected.interactions)


def test_a_review_of_the_same_item_again_is_dropped(folder: Path) -> None:
    again = [_review(USERS[0], ITEMS[0], 1.0, 999)]
    write_lines(folder / "reviews_Baby_5.json.gz", [json.dumps(r) for r in REVIEWS + again])
    imported = import_amazon(folder, "baby")
    assert len(imported.interactions) == 36
    assert 999 not in imported.interactions["timestamp"].tolist()
    assert any(note.startswith("1 reviews of an item") for note in imported.notes)


def test_images_of_known_items(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amazon_images, "BLOCK", 2)  # so that the file takes several blocks
    ids = [ITEMS[3], "B888888888", ITEMS[0], ITEMS[3], ITEMS[5]]
    write_images(folder / "image_features_Baby.b", ids)
    imported = import_amazon(folder, "baby")
    table = imported.features["image"]
    assert table.ids == [ITEMS[3], ITEMS[0], ITEMS[5]]
    assert isinstance(table.values, np.memmap)
    assert table.values.shape == (3, 4096)
    assert table.values[:, 0].tolist() == table.values[:, -1].tolist() == [0.0, 2.0, 4.0]
    assert "3 items have no image features" in imported.notes


def test_images_that_are_wrong(folder: Path) -> None:
    path = folder / "image_features_Baby.b"
    write_images(path, ["B888888888"])
    with pytest.raises(UserError, match="none of the 6 items"):
        import_amazon(folder, "baby")
    write_images(path, ITEMS)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match="whole number of records"):
        read_images(path, ITEMS)
    path.write_bytes(b"")
    with pytest.raises(UserError, match="0 bytes"):
        read_images(path, ITEMS)


def test_k_core_goes_on_until_nothing_changes() -> None:
    # b has 2 items only as long as y is there; y goes because it has one user.
    pairs = [("a", "w"), ("a", "x"), ("c", "w"), ("c", "x"), ("b", "x"), ("b", "y")]
    frame = pd.DataFrame(pairs, columns=["user_id", "item_id"])
    assert list(k_core(frame, 2).itertuples(index=False, name=None)) == pairs[:4]
    assert k_core(frame, 3).empty


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=40, unique=True))
def test_k_core_is_the_largest(pairs: list[tuple[int, int]]) -> None:
    kept = set(pairs)
    while True:  # drop one row at a time, the plain way
        users, items = Counter(u for u, _ in kept), Counter(i for _, i in kept)
        bad = [(u, i) for u, i in kept if users[u] < 3 or items[i] < 3]
        if not bad:
            break
        kept.remove(bad[0])
    found = k_core(pd.DataFrame(pairs, columns=["user_id", "item_id"]), 3)
    assert set(found.itertuples(index=False, name=None)) == kept


@pytest.mark.parametrize(
    ("n", "valid", "test"),
    [
        *[(1, 0, 0), (2, 0, 0), (3, 1, 1), (5, 1, 1), (9, 1, 1), (10, 1, 1), (14, 1, 1)],
        *[(15, 1, 2), (19, 1, 2), (20, 2, 2), (25, 2, 3), (100, 10, 10)],
    ],
)
def test_the_counts_of_mmrecs_rule(n: int, valid: int, test: int) -> None:
    users = pd.Series(["u"] * n + ["v"] * 5)
    counts = Counter(split_by_user(users, 1)[:n])
    assert (counts["valid"], counts["test"]) == (valid, test)
    assert counts["train"] == n - valid - test


@pytest.mark.realdata
def test_the_counts_of_mmrecs_baby() -> None:
    file = DATA / "baby" / "baby.inter"
    if not file.is_file():
        pytest.skip(f"the real data set {file} is not on this machine")
    frame = pd.read_csv(file, sep="\t", dtype=str)
    frame = frame.rename(columns={"userID": "user_id", "itemID": "item_id"})
    assert len(k_core(frame, 5)) == 160_792
    counts = Counter(split_by_user(frame["user_id"], 999))
    assert counts == {"train": 118_551, "valid": 20_559, "test": 21_682}


def test_the_split_is_random_and_hangs_on_the_seed() -> None:
    users = pd.Series([f"u{n % 50}" for n in range(500)])
    first = split_by_user(users, 7)
    assert first == split_by_user(users, 7)
    assert first != split_by_user(users, 8)
    places = [first[user::50].index("test") for user in range(50)]
    assert len(set(places)) > 5


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 3 is neither JSON nor a Python literal: it begins with '{"),
        ("__import__('os').system('true')", "line 3 is neither JSON"),
        ("[1]", "line 3 holds a list"),
        ("{'asin': 'B'}", "line 3: there is no 'reviewerID'.*keys.*asin"),
        (repr(_review("", "B")), "'reviewerID' is ''"),
        (
            repr({**_review("A", "B"), "overall": "5"}),
            "line 3: 'overall' is '5', expected a number",
        ),
        (json.dumps({**_review("A", "B"), "overall": float("nan")}), "'overall' is nan"),
        (repr({**_review("A", "B"), "unixReviewTime": 10**400}), "'unixReviewTime'"),
        (repr(_review("A\tB", "B")), "tab"),
        ("(" * 300, "line 3 is neither JSON"),
        ("[" * 100_000, "line 3 is neither JSON"),
    ],
)
def test_reviews_that_are_wrong(folder: Path, line: str, message: str) -> None:
    lines = [json.dumps(REVIEWS[0]), "", line, json.dumps(REVIEWS[1])]
    write_lines(folder / "reviews_Baby_5.json.gz", lines)
    with pytest.raises(UserError, match=message):
        import_amazon(folder, "baby")


def test_a_line_without_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amazon_records, "LONGEST_LINE", 1000)
    write_lines(folder / "reviews_Baby_5.json.gz", ["x" * 5000])
    with pytest.raises(UserError, match="line 1 is longer than 1000"):
        import_amazon(folder, "baby")


def test_cut_off_and_damaged_archives(folder: Path) -> None:
    path = folder / "reviews_Baby_5.json.gz"
    data = path.read_bytes()
    for cut in (1, 5, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(UserError, match="cut off or damaged|neither JSON"):
            import_amazon(folder, "baby")
    path.write_bytes(b"<html>")
    with pytest.raises(UserError, match="cut off or damaged after line 0"):
        import_amazon(folder, "baby")


def test_nothing_left_and_nothing_there(folder: Path, tmp_path: Path) -> None:
    path = folder / "reviews_Baby_5.json.gz"
    write_lines(path, [json.dumps(r) for r in REVIEWS[:20]])
    with pytest.raises(UserError, match="no 5-core"):
        import_amazon(folder, "baby")
    write_lines(path, [])
    with pytest.raises(UserError, match="is empty"):
        import_amazon(folder, "baby")
    path.unlink()
    with pytest.raises(UserError, match="has no reviews_CATEGORY_5.json.gz"):
        import_amazon(folder, "baby")


def test_metadata_of_another_category(folder: Path) -> None:
    write_lines(folder / "meta_Baby.json.gz", ["{'asin': 'B777777777', 'title': 'x'}"])
    with pytest.raises(UserError, match="describes none of the 6 items"):
        import_amazon(folder, "baby")
    (folder / "meta_Baby.json.gz").unlink()
    assert import_amazon(folder, "baby").items is None


def test_the_name_picks_the_category(folder: Path) -> None:
    write_lines(folder / "reviews_Sports_and_Outdoors_5.json", [json.dumps(r) for r in REVIEWS])
    assert "Amazon 2014 Baby" in import_amazon(folder, "amazon-baby").source
    assert "Sports_and_Outdoors" in import_amazon(folder, "sports").source
    with pytest.raises(UserError, match=r"\['Baby', 'Sports_and_Outdoors'\].*'tiny' picks 0"):
        import_amazon(folder, "tiny")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    which=st.sampled_from(["reviews_Baby_5.json.gz", "meta_Baby.json.gz"]),
    where=st.floats(0, 1),
    cut=st.floats(0, 1),
    extra=st.one_of(st.binary(max_size=6), st.sampled_from([b"\n", b"{", b"'", b"\\", b"\0"])),
    packed=st.booleans(),
)
def test_damaged_files_are_read_or_refused(
    folder: Path, which: str, where: float, cut: float, extra: bytes, packed: bool
) -> None:
    path = folder / which
    whole = path.read_bytes()
    data = whole if packed else gzip.decompress(whole)
    at, end = int(where * len(data)), int(cut * len(data))
    damaged = data[:at] + extra + data[at : max(at, end)]
    path.write_bytes(damaged if packed else gzip.compress(damaged))
    with contextlib.suppress(UserError):
        assert len(import_amazon(folder, "baby").interactions)
    path.write_bytes(whole)
