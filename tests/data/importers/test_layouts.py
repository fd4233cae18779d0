"""Every layout gives the same data, and a broken file is one message."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from recbole_drepmrec.config import Config
from recbole_drepmrec.data.importers import LAYOUTS
from recbole_drepmrec.data.importers.imported import Imported
from recbole_drepmrec.data.importers.layouts import import_csv, import_mmrec, import_recbole
from recbole_drepmrec.data.importers.write import write_dataset
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.prepared import create_dataset
from tests.data.importers.sources import WRITERS, numbered

DATA = Path(os.environ.get("RECBOLE_DREPMREC_DATA", Path(__file__).parents[4] / "shared" / "data"))


def npy(values: list[list[float]]) -> bytes:
    """The bytes of a ``.npy`` file."""
    file = io.BytesIO()
    np.save(file, np.array(values))
    return file.getvalue()


def internal(imported: Imported, out: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """RecBole's own data set out of what was imported."""
    write_dataset(imported, "tiny", out)
    monkeypatch.chdir(out)
    return create_dataset(Config("DRepMRec", "tiny", config_dict={"state": "error"}))


@pytest.mark.parametrize("layout", WRITERS)
def test_every_layout_gives_the_same_data_set(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if layout == "parquet":
        pytest.importorskip("pyarrow")
    source, folder = numbered(), tmp_path / "source"
    folder.mkdir()
    name, write = WRITERS[layout]
    write(source, folder)
    dataset = internal(LAYOUTS[name](folder, "tiny"), tmp_path, monkeypatch)

    users, items = (dataset.field2id_token[field] for field in ("user_id", "item_id"))
    inter = dataset.inter_feat
    read = list(zip(users[inter["user_id"]], items[inter["item_id"]], strict=True))
    frame = source.interactions
    assert read == list(zip(frame["user_id"], frame["item_id"], strict=True))
    assert dataset.file_size_list == frame["split"].value_counts(sort=False).to_list()
    assert list(items[1:]) == list(frame["item_id"].unique())  # internal ids: by appearance
    assert set(dataset.modal_features) == {"text", "image"}
    for modality, expected in source.features.items():
        values = dataset.modal_features[modality].values
        assert values[0].tolist() == [0] * expected.shape[1]
        np.testing.assert_array_equal(values[1:], expected[items[1:].astype(int)])


def test_mmrec_drops_users_without_training_rows(tmp_path: Path) -> None:
    lines = ["userID\titemID\tx_label", "0\t0\t0", "0\t1\t1", "7\t1\t1", "7\t0\t2", "0\t2\t2"]
    (tmp_path / "a.inter").write_text("\n".join(lines))
    imported = import_mmrec(tmp_path, "other")
    assert imported.interactions.to_numpy().tolist() == [
        ["0", "0", "train"],
        ["0", "1", "valid"],
        ["0", "2", "test"],
    ]
    assert "1 users" in imported.notes[0]
    assert "2 interactions" in imported.notes[0]


def test_csv_finds_usual_names_and_keeps_ids_as_text(tmp_path: Path) -> None:
    text = (
        "UserId;Product_ID;Rating;date;colour\n007;a b;4;2024-01-01;red\nü;1e5;2.5;2024-01-02;-\n"
    )
    (tmp_path / "interactions.csv").write_text(text, encoding="utf-8-sig")
    (tmp_path / "items.csv").write_text('asin,title\na b,"Yes, a title"\n1e5,\n')
    imported = import_csv(tmp_path, "any")
    frame = imported.interactions
    assert frame["user_id"].to_list() == ["007", "ü"]
    assert frame["item_id"].to_list() == ["a b", "1e5"]
    assert frame["rating"].to_list() == [4.0, 2.5]
    assert frame["timestamp"].to_list() == [1704067200.0, 1704153600.0]
    assert "split" not in frame
    assert imported.items is not None
    assert imported.items.to_numpy().tolist() == [["a b", "Yes, a title"], ["1e5", ""]]
    assert imported.notes == ["columns of interactions.csv that were left out: colour"]


def test_recbole_takes_one_file_with_rating_time_and_items(tmp_path: Path) -> None:
    (tmp_path / "a.inter").write_text(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\nx\t01\t3\t9\ny\t02\t4\t8\n"
    )
    (tmp_path / "a.item").write_text("item_id:token\tname:token_seq\n01\tOne two\n02\t\n")
    imported = import_recbole(tmp_path / "a.inter", "any")
    assert imported.interactions.to_numpy().tolist() == [["x", "01", 3, 9], ["y", "02", 4, 8]]
    assert imported.items is not None
    assert imported.items.to_numpy().tolist() == [["01", "One two"], ["02", ""]]


MISTAKES = {
    "no such folder": (import_csv, {}, "no/such does not exist"),
    "nothing there": (import_csv, {"a.txt": "x"}, "holds a.txt; expected interactions.csv"),
    "empty": (import_csv, {"interactions.csv": ""}, "cannot be read"),
    "header only": (import_csv, {"interactions.csv": "user,item\n"}, "has no rows"),
    "no item": (import_csv, {"interactions.csv": "user,thing\n1,2\n"}, "none is item_id"),
    "two users": (
        import_csv,
        {"interactions.csv": "user,uid,item\n1,2,3\n"},
        "could both be user_id",
    ),
    "twice": (
        import_csv,
        {"interactions.csv": "user,user,item\n1,2,3\n"},
        "names the column 'user' twice",
    ),
    "long row": (import_csv, {"interactions.csv": "user,item\n1,2,3\n"}, "cannot be read"),
    "rating": (
        import_csv,
        {"interactions.csv": "user,item,rating\n1,2,x\n"},
        "has 'x', expected a finite",
    ),
    "date": (
        import_csv,
        {"interactions.csv": "user,item,date\n1,2,x\n"},
        r"data row 1: column 'date' has 'x', expected seconds or a date such as \S+\.$",
    ),
    "one date": (
        import_csv,
        {"interactions.csv": "user,item,date\n1,2,2024-05-31\n1,3,31.5.2024\n"},
        "data row 2: column 'date' has '31.5.2024'",
    ),
    "a long row": (
        import_csv,
        {"interactions.csv": "user,item\n1,2,3\n"},
        r"^[^\n]*Expected 2 fields in line 2, saw 3\. Expected a table with a header line\.$",
    ),
    "two tables": (
        import_csv,
        {"interactions.csv": "user,item\n1,2\n", "interactions.tsv": "user\titem\n1\t2\n"},
        "interactions.csv and interactions.tsv both",
    ),
    "two item tables": (
        import_csv,
        {"interactions.csv": "user,item\n1,2\n", "items.csv": "", "items.parquet": ""},
        "items.csv and items.parquet both",
    ),
    "split": (
        import_csv,
        {"interactions.csv": "user,item,split\n1,2,x\n"},
        "'x', expected train, valid",
    ),
    "bytes": (import_csv, {"interactions.csv": b"user,item\n\xff,2\n"}, "is not UTF-8 text"),
    "parquet": (import_csv, {"interactions.parquet": "no"}, "interactions.parquet"),
    "no ids": (
        import_csv,
        {"interactions.csv": "user,item\n1,2\n", "a_feat.npy": [[1.0]]},
        "a_ids.txt",
    ),
    "ids": (
        import_csv,
        {"interactions.csv": "user,item\n1,2\n", "a_feat.npy": [[1.0]], "a_ids.txt": "1\n2\n"},
        "has 1 rows, but a_ids.txt lists 2 ids",
    ),
    "words": (
        import_csv,
        {"interactions.csv": "user,item\n1,2\n", "a_feat.csv": "item,x\n2,red\n"},
        "Expected an item column beside columns of numbers",
    ),
    "no label": (import_mmrec, {"a.inter": "userID\titemID\n0\t0\n"}, "has no column x_label"),
    "label": (
        import_mmrec,
        {"a.inter": "userID\titemID\tx_label\n0\t0\t3\n"},
        "has '3', expected train",
    ),
    "few rows": (
        import_mmrec,
        {"a.inter": "userID\titemID\tx_label\n0\t5\t0\n", "t_feat.npy": [[1.0]]},
        "items 0 to 0, but 1 items of the interactions are others, such as '5'",
    ),
    "pickle": (
        import_mmrec,
        {"a.inter": "userID\titemID\tx_label\n0\t0\t0\n", "t_feat.npy": [{"a": 1}]},
        "holds Python objects, which are a pickle",
    ),
    "cut matrix": (
        import_mmrec,
        {
            "a.inter": "userID\titemID\tx_label\n0\t0\t0\n",
            "t_feat.npy": npy([[1.0, 2.0]])[:-4],
        },
        r"t_feat.npy cannot be read: it is cut off: its header promises more",
    ),
    "cut header": (
        import_mmrec,
        {"a.inter": "userID\titemID\tx_label\n0\t0\t0\n", "t_feat.npy": npy([[1.0]])[:8]},
        "it is cut off within its header",
    ),
    "no matrix file": (
        import_mmrec,
        {"a.inter": "userID\titemID\tx_label\n0\t0\t0\n", "t_feat.npy": "1 2 3"},
        r"no array file, or a pickle\. Expected numbers",
    ),
    "vector": (
        import_mmrec,
        {"a.inter": "userID\titemID\tx_label\n0\t0\t0\n", "t_feat.npy": [1.0]},
        r"has shape \(1,\), expected \[items, features\]",
    ),
    "several": (import_mmrec, {"a.inter": "", "b.inter": ""}, "a.inter, b.inter; name the one"),
    "header": (import_recbole, {"a.inter": "user_id\titem_id\n1\t2\n"}, "the header has 'user_id'"),
    "no test": (
        import_recbole,
        {"a.train.inter": "user_id:token\titem_id:token\n1\t2\n"},
        "cannot read",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_named(case: str, tmp_path: Path) -> None:
    importer, files, message = MISTAKES[case]
    for name, content in files.items():
        if isinstance(content, list):
            kind = object if isinstance(content[0], dict) else float
            np.save(tmp_path / name, np.array(content, dtype=kind), allow_pickle=True)
        else:
            data = content if isinstance(content, bytes) else content.encode()
            (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=message):
        importer(tmp_path if files else tmp_path / "no" / "such", "any")


HEADERS = [b"user_id,item_id", b"userID\titemID\tx_label", b"user_id:token\titem_id:token"]
PIECES = [b"1", b"2", b"\t", b",", b"\n", b"\r", b'"', b"\x00", b"\xff", b"nan", b"-1", b"1e999"]
PIECES += [b" ", b"\xe2\x80\xa8", b":float", b"rating", b"timestamp", b"2024-01-01", b"train", b""]


@example(b"user_id,item_id,timestamp\n1,2,99999999999999999999\n")
@example(b"user_id,item_id\n" + b"9" * 400 + b",1\n")
@given(
    st.binary(max_size=60)
    | st.builds(
        lambda header, body: header + b"".join(body),
        st.sampled_from([*HEADERS, b""]),
        st.lists(st.sampled_from(PIECES), max_size=30),
    )
)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.filterwarnings("ignore")
def test_a_broken_file_is_a_users_error_or_is_read(tmp_path: Path, content: bytes) -> None:
    for ending, names in {".csv": ["csv"], ".tsv": ["csv"], ".inter": ["mmrec", "recbole"]}.items():
        file = tmp_path / f"interactions{ending}"
        file.write_bytes(content)
        for name in names:
            try:
                write_dataset(LAYOUTS[name](file, "fuzz"), "fuzz", tmp_path / "out")
            except UserError as error:
                assert str(error)  # noqa: PT017 (either outcome is right)


@given(st.binary(max_size=200))
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.filterwarnings("ignore")
def test_a_broken_matrix_is_a_users_error(tmp_path: Path, tail: bytes) -> None:
    (tmp_path / "a.inter").write_text("userID\titemID\tx_label\n0\t0\t0\n0\t1\t1\n0\t2\t2\n")
    (tmp_path / "t_feat.npy").write_bytes(b"\x93NUMPY\x01\x00\x46\x00" + tail)
    with pytest.raises(UserError, match="t_feat.npy"):
        import_mmrec(tmp_path, "a")


@pytest.mark.realdata
@pytest.mark.slow
def test_baby_has_its_published_counts(tmp_path: Path) -> None:
    if not (DATA / "baby").is_dir():
        pytest.skip(f"{DATA / 'baby'} is not on this machine")
    written = write_dataset(import_mmrec(DATA / "baby", "baby"), "baby", tmp_path)
    read = {
        split: pd.read_csv(written.folder / f"baby.{split}.inter", sep="\t")
        for split in ("train", "valid", "test")
    }
    assert {split: len(rows) for split, rows in read.items()} == {
        "train": 118551,
        "valid": 20559,
        "test": 21682,
    }
    every = pd.concat(read.values())
    assert every.nunique().to_list() == [19445, 7050]
    sheet = (written.folder / "DATASHEET.md").read_text()
    for count in ("19,445", "7,050", "160,792", "118,551", "20,559", "21,682"):
        assert f"| {count} |" in sheet
