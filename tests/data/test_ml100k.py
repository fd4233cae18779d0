"""The embedded default data set, as built from the installed RecBole."""

import hashlib
import importlib.machinery
import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from recbole_drepmrec.data import ml100k
from recbole_drepmrec.errors import UserError

MODALITIES = ("text", "knowledge")
FILES = {
    "README.md",
    "ml-100k-mm.inter",
    "ml-100k-mm.item",
    "text_feat.npy",
    "text_ids.txt",
    "knowledge_feat.npy",
    "knowledge_ids.txt",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset") / "ml-100k-mm"
    ml100k.build_ml100k_mm(folder)
    return folder


def rows(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def read_modality(folder: Path, name: str) -> tuple[list[str], npt.NDArray[np.float32]]:
    ids = (folder / f"{name}_ids.txt").read_text(encoding="utf-8").splitlines()
    return ids, np.load(folder / f"{name}_feat.npy", allow_pickle=False)


def neighbours(folder: Path, name: str, item: str, count: int) -> set[str]:
    ids, features = read_modality(folder, name)
    centred = features - features.mean(axis=0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    cosines = unit @ unit[ids.index(item)]
    cosines[ids.index(item)] = -np.inf
    return {ids[row] for row in np.argsort(-cosines, kind="stable")[:count]}


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_folder_holds_just_these_files(built: Path) -> None:
    assert {path.name for path in built.iterdir()} == FILES
    assert [path.name for path in built.parent.iterdir()] == ["ml-100k-mm"]


def test_interactions_are_movielens_100k(built: Path) -> None:
    header, *interactions = rows(built / "ml-100k-mm.inter")
    assert header == ["user_id:token", "item_id:token", "rating:float", "timestamp:float"]
    assert len(interactions) == 100_000
    assert len({row[0] for row in interactions}) == 943
    assert len({row[1] for row in interactions}) == 1682


def test_items_have_title_year_and_genres(built: Path) -> None:
    header, *items = rows(built / "ml-100k-mm.item")
    fields = ["item_id:token", "movie_title:token_seq", "release_year:token", "class:token_seq"]
    assert header == fields
    assert len({row[0] for row in items}) == len(items) == 1682
    assert ["50", "Star Wars", "1977", "Action Adventure Romance Sci-Fi War"] in items


@pytest.mark.parametrize(("name", "count"), [("text", 1681), ("knowledge", 1323)])
def test_a_modality_has_a_row_for_each_id(built: Path, name: str, count: int) -> None:
    ids, features = read_modality(built, name)
    assert features.dtype == np.float32
    assert features.shape == (count, 64)
    assert len(set(ids)) == len(ids) == count
    assert set(ids) <= {row[0] for row in rows(built / "ml-100k-mm.item")}


@pytest.mark.parametrize("name", MODALITIES)
def test_no_row_is_zero_or_not_a_number(built: Path, name: str) -> None:
    _, features = read_modality(built, name)
    assert np.isfinite(features).all()
    assert np.linalg.norm(features, axis=1).min() > ml100k.MIN_NORM


def test_the_item_without_title_and_genre_lacks_text(built: Path) -> None:
    text, _ = read_modality(built, "text")
    everything = {row[0] for row in rows(built / "ml-100k-mm.item")[1:]}
    assert everything - set(text) == {"267"}


@pytest.mark.parametrize(
    ("item", "sequels"),
    [
        ("227", {"222", "228", "229", "380", "449", "450"}),  # Star Trek VI: six other Star Treks
        ("29", {"231", "254", "403"}),  # Batman Forever: Batman Returns, & Robin, Batman
        ("94", {"894"}),  # Home Alone: Home Alone 3
        ("144", {"226", "550"}),  # Die Hard: 2, With a Vengeance
        ("343", {"183", "665"}),  # Alien: Resurrection: Alien, Alien 3
    ],
)
def test_films_of_a_series_are_neighbours_in_text(
    built: Path, item: str, sequels: set[str]
) -> None:
    assert sequels <= neighbours(built, "text", item, count=8)


@pytest.mark.parametrize(
    ("item", "sequels"),
    [
        ("50", {"172", "181"}),  # Star Wars: The Empire Strikes Back, Return of the Jedi
        ("127", {"187"}),  # The Godfather: Part II
        ("227", {"228", "229"}),  # Star Trek VI: II, III
        ("183", {"176"}),  # Alien: Aliens
    ],
)
def test_films_of_a_series_are_neighbours_in_knowledge(
    built: Path, item: str, sequels: set[str]
) -> None:
    """RecBole's own join of .link puts the triples of other films here."""
    assert sequels <= neighbours(built, "knowledge", item, count=5)


def test_ids_are_translated_one_to_one() -> None:
    pairs = [line.split(",") for line in ml100k._IDS_FILE.read_text().split()[1:]]
    assert len(pairs) == len({own for own, _ in pairs}) == len({other for _, other in pairs})
    assert ["50", "260"] in pairs


def test_two_builds_have_the_same_bytes(built: Path, tmp_path: Path) -> None:
    ml100k.build_ml100k_mm(tmp_path / "again")
    assert hashes(tmp_path / "again") == hashes(built)


def test_a_token_of_one_item_alone_leaves_it_without_the_modality() -> None:
    tokens = {"a": ["x", "y"], "b": ["x", "z"], "c": ["y", "z"], "d": ["own"], "e": []}
    ids, features = ml100k._embed(tokens, dimensions=2)
    assert ids == ["a", "b", "c"]
    assert features.shape == (3, 2)


def test_a_triple_counts_for_both_ends_in_different_ways(tmp_path: Path) -> None:
    contents = {
        "kg": "head_id:token\trelation_id:token\ttail_id:token\nm.1\tsequel\tm.2\n",
        "link": "item_id:token\tentity_id:token\n260\tm.1\n1196\tm.2\n",
        "item": "item_id:token\n50\n172\n267\n",
    }
    source = {suffix: tmp_path / f"small.{suffix}" for suffix in contents}
    for suffix, content in contents.items():
        source[suffix].write_text(content, encoding="utf-8")
    expected = {"50": ["sequel>m.2"], "172": ["sequel<m.1"], "267": []}
    assert ml100k._knowledge_tokens(source) == expected


def test_a_filled_folder_is_left_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "ml-100k-mm"
    folder.mkdir()
    (folder / "mine.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(UserError, match="ml-100k-mm"):
        ml100k.build_ml100k_mm(folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["ml-100k-mm", "mine.txt"]
    assert (folder / "mine.txt").read_text(encoding="utf-8") == "keep"


def test_an_interrupted_build_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(source: dict[str, Path]) -> ml100k.Tokens:
        raise KeyboardInterrupt

    monkeypatch.setattr(ml100k, "_knowledge_tokens", interrupt)  # text is written by then
    with pytest.raises(KeyboardInterrupt):
        ml100k.build_ml100k_mm(tmp_path / "ml-100k-mm")
    assert list(tmp_path.iterdir()) == []


def test_without_recbole_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install --no-deps recbole==1\.2\.1"):
        ml100k.build_ml100k_mm(tmp_path / "ml-100k-mm")
    assert list(tmp_path.iterdir()) == []


def test_a_recbole_without_the_files_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.machinery.ModuleSpec("recbole", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path / "recbole")]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(UserError, match=r"ml-100k\.inter.*pip install"):
        ml100k.build_ml100k_mm(tmp_path / "ml-100k-mm")
