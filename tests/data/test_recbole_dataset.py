"""RecBole's data sets on small files: hand-computed values, and one clear error a mistake."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recbole.data.dataset
from recbole.data.dataset import Dataset, DIENDataset, SequentialDataset

from recbole_drepmrec.config import Config
from recbole_drepmrec.data import download
from recbole_drepmrec.data.recbole_dataset import (
    SafeDataset,
    SafeDatasetMixin,
    SafeKnowledgeBasedDataset,
    SafeSequentialDataset,
    safe_dataset_class,
)
from recbole_drepmrec.errors import UserError

Make = Callable[..., Any]

# Item y has no value but its id; z is in no interaction; user a is not in the user file.
FILES = {
    "inter": "user_id:token\titem_id:token\trating:float\tplace:token\n"
    "a\tx\t4\thome\na\ty\t\t\nb\tx\t2\twork\n",
    "item": "item_id:token\tbrand:token\tprice:float\ttags:token_seq\tvec:float_seq\n"
    "x\tacme\t1.5\tp q\t1 2.5\ny\t\t\t\t\nz\tzeta\t4.5\tq\t3\n",
    "user": "user_id:token\tage:float\nb\t30\n",
}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write the files, read them as a data set and turn its tables into tensors."""

    def build(
        files: dict[str, str] = FILES,
        cls: type[Any] = SafeDataset,
        model: str = "BPR",
        **settings: Any,
    ) -> Any:
        folder = tmp_path / "small"
        folder.mkdir(exist_ok=True)
        for suffix, text in files.items():
            (folder / f"small.{suffix}").write_text(text)
        given = {
            "data_path": str(tmp_path),
            "load_col": None,
            "filter_inter_by_user_or_item": False,
            "use_gpu": False,
            **settings,
        }
        dataset = cls(Config(model=model, dataset="small", config_dict=given))
        dataset._change_feat_format()
        return dataset

    return build


def test_ids_follow_the_order_of_appearance(make: Make) -> None:
    dataset = make()
    assert dataset.field2id_token["user_id"].tolist() == ["[PAD]", "a", "b"]
    assert dataset.field2id_token["item_id"].tolist() == ["[PAD]", "x", "y", "z"]
    assert dataset.inter_feat["user_id"].tolist() == [1, 1, 2]
    assert dataset.inter_feat["item_id"].tolist() == [1, 2, 1]


@pytest.mark.filterwarnings("error::pandas.errors.ChainedAssignmentError")
def test_missing_values_are_filled(make: Make) -> None:
    dataset = make()
    assert dataset.inter_feat["rating"].tolist() == [4, 3, 2]  # the mean of 4 and 2
    assert dataset.inter_feat["place"].tolist() == [1, 0, 2]
    items = dataset.item_feat
    assert items["brand"].tolist() == [0, 1, 0, 2]
    assert items["price"].tolist() == [3, 1.5, 3, 4.5]
    assert items["tags"].tolist() == [[0, 0], [1, 2], [0, 0], [2, 0]]
    assert items["vec"].tolist() == [[0, 0], [1, 2.5], [0, 0], [3, 0]]
    assert dataset.user_feat["age"].tolist() == [30, 30, 30]


def test_sequences_are_cut_to_seq_len(make: Make) -> None:
    dataset = make(seq_len={"tags": 1})
    assert dataset.item_feat["tags"].tolist() == [[0], [1], [0], [2]]
    assert dataset.field2seqlen["tags"] == 1
    assert dataset.field2id_token["tags"].tolist() == ["[PAD]", "p", "q"]


def test_unloaded_columns_stay_out(make: Make) -> None:
    dataset = make(load_col={"inter": ["user_id", "item_id"], "item": ["item_id", "price"]})
    assert set(dataset.inter_feat.columns) == {"user_id", "item_id"}
    assert set(dataset.item_feat.columns) == {"item_id", "price"}
    assert dataset.user_feat is None


def test_normalized_floats(make: Make) -> None:
    items = make(normalize_field=["price", "vec"]).item_feat
    assert items["price"].tolist() == [0.5, 0, 0.5, 1]
    assert items["vec"].tolist() == [[0, 0], [0, 0.75], [0, 0], [1, 0]]


def test_numerical_features_become_pairs(make: Make) -> None:
    settings = {
        "numerical_features": ["price", "vec"],
        "discretization": {"price": {"method": "ED", "bucket": 2}},
    }
    dataset = make(**settings)
    assert dataset.item_feat["price"].tolist() == [[1, 1], [1, 1], [1, 1], [1, 2]]
    assert dataset.num("price") == 3
    vec = dataset.item_feat["vec"].tolist()
    assert vec[1] == [[1, 1], [2.5, 1]]
    assert vec[3] == [[3, 1], [0, 0]]


def test_sequence_lengths_of_benchmark_files(make: Make) -> None:
    head = "user_id:token\titem_id_list:token_seq\titem_id:token\n"
    files = {
        "train.inter": head + "a\tx y\tz\nb\tx\ty\n",
        "valid.inter": head + "a\tx y z\tx\n",
        "test.inter": head + "b\tz\tx\n",
    }
    dataset = make(
        files,
        SafeSequentialDataset,
        "GRU4Rec",
        benchmark_filename=["train", "valid", "test"],
        alias_of_item_id=["item_id_list"],
        train_neg_sample_args=None,
    )
    assert dataset.inter_feat["item_length"].tolist() == [2, 1, 3, 1]
    assert dataset.id2token("item_id", dataset.inter_feat["item_id_list"][2]).tolist() == [
        "x",
        "y",
        "z",
    ]


def _knowledge_files() -> dict[str, str]:
    return {
        "inter": "user_id:token\titem_id:token\na\tx\na\ty\nb\tx\n",
        "item": "item_id:token\tsimilar:token_seq\nx\ty\ny\tx y\n",
        "kg": "head_id:token\trelation_id:token\ttail_id:token\nE1\tmade_by\tE9\nE2\tlike\tE1\n",
        "link": "item_id:token\tentity_id:token\nx\tE1\ny\tE2\n",
    }


def test_items_and_entities_share_ids(make: Make) -> None:
    dataset = make(
        _knowledge_files(), SafeKnowledgeBasedDataset, "CKE", alias_of_item_id=["similar"]
    )
    x, y = dataset.token2id("item_id", ["x", "y"])
    similar = dataset.item_feat["similar"]
    assert similar[x].tolist() == [y, 0]
    assert similar[y].tolist() == [x, y]
    assert dataset.token2id("entity_id", ["E1", "E2"]).tolist() == [x, y]
    assert dataset.kg_feat["head_id"].tolist() == [x, y]


@pytest.mark.parametrize("suffix", ["kg", "link"])
def test_missing_knowledge_file(make: Make, suffix: str) -> None:
    files = _knowledge_files()
    del files[suffix]
    with pytest.raises(UserError, match=rf"small\.{suffix} is missing"):
        make(files, SafeKnowledgeBasedDataset, "CKE")


@pytest.mark.parametrize(
    ("interval", "kept"), [("[2,2]", ["a"]), ("[1,1]; [2,inf)", ["a", "b"]), ("(0,2)", ["b"])]
)
def test_users_are_kept_by_intervals(make: Make, interval: str, kept: list[str]) -> None:
    dataset = make({"inter": FILES["inter"]}, user_inter_num_interval=interval)
    assert dataset.field2id_token["user_id"].tolist() == ["[PAD]", *kept]


@pytest.mark.parametrize(
    ("files", "settings", "message"),
    [
        ({"item": FILES["item"]}, {}, r"small\.inter is missing.*holds small\.item"),
        ({}, {"benchmark_filename": ["train"]}, r"small\.train\.inter is missing"),
        ({"inter": "user_id:token\titem_id:token\n"}, {}, "a header but no rows"),
        ({"inter": "user_id\titem_id\na\tx\n"}, {}, "'user_id'.*name:type"),
        ({"inter": "user_id:token\titem_id:token\na\n"}, {}, "line 2: 1 columns"),
        (
            {"inter": "user_id:token\titem_id:token\tr:float\na\tx\tbad\n"},
            {},
            "line 2: column 'r:float' has 'bad'",
        ),
        (
            {"inter": "user:token\titem_id:token\na\tx\n"},
            {},
            r"no column 'user_id:token' \(config key USER_ID_FIELD\).*user:token",
        ),
        ({"inter": "user_id:token\titem_id:float\na\t1\n"}, {}, "ITEM_ID_FIELD"),
        (FILES, {"load_col": {"inter": ["user_id"]}}, "keep user_id.*load_col"),
        (FILES, {"load_col": {"item": "*"}}, "keep none"),
        ({**FILES, "item": "id:token\nx\n"}, {}, r"small\.item gives no column 'item_id:token'"),
        (FILES, {"user_inter_num_interval": "[9,inf)"}, "user_inter_num_interval.*9,inf"),
        (FILES, {"val_interval": {"rating": "[9,inf)"}}, "no row in inter_feat.*val_interval"),
        ({"inter": "user_id:token\titem_id:token\na\t\n"}, {}, "without a user or item id"),
        (FILES, {"alias_of_item_id": ["foo"]}, "'small' cannot be read: RecBole finds no 'foo'"),
        (FILES, {"normalize_field": ["nope"]}, "normalize_field names 'nope'"),
        (FILES, {"normalize_field": ["price"], "normalize_all": True}, "both set"),
        (FILES, {"numerical_features": ["brand"]}, "'brand', which is no float feature"),
        (FILES, {"discretization": {"price": {"method": "LD"}}}, "add it to numerical_features"),
    ],
)
def test_each_mistake_has_its_message(
    make: Make, files: dict[str, str], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        make(files, **settings)


def test_unknown_data_set(tmp_path: Path) -> None:
    given = {"data_path": str(tmp_path), "use_gpu": False}
    with pytest.raises(UserError, match=f"'nosuch' was not found.*{tmp_path}"):
        SafeDataset(Config(model="BPR", dataset="nosuch", config_dict=given))


def test_failed_download_is_the_users_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(url: str) -> bool:
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(download, "decide_download", refuse)
    given = {"data_path": str(tmp_path), "use_gpu": False}
    with pytest.raises(UserError, match=r"'ml-1m'.*refused"):
        SafeDataset(Config(model="BPR", dataset="ml-1m", config_dict=given))


def test_safe_classes() -> None:
    assert safe_dataset_class(Dataset) is SafeDataset
    assert safe_dataset_class(SequentialDataset) is SafeSequentialDataset
    assert safe_dataset_class(SafeDataset) is SafeDataset
    made = safe_dataset_class(DIENDataset)
    assert made is safe_dataset_class(DIENDataset)
    assert made.__mro__.index(SafeDatasetMixin) < made.__mro__.index(DIENDataset)


def test_a_users_class_of_the_same_name_is_not_recboles() -> None:
    own = type("Dataset", (recbole.data.dataset.Dataset,), {"__module__": "elsewhere"})
    assert issubclass(safe_dataset_class(own), own)


def test_a_made_class_unpickles_in_a_fresh_process() -> None:
    stored = pickle.dumps(safe_dataset_class(DIENDataset))
    code = f"import pickle; print(pickle.loads({stored!r}).__mro__[2].__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "LoadingMixin"


def test_a_data_set_comes_back_from_a_pickle(make: Make) -> None:
    dataset = make()
    again = pickle.loads(pickle.dumps(dataset))
    assert type(again) is SafeDataset
    np.testing.assert_array_equal(again.item_feat["price"], dataset.item_feat["price"])
