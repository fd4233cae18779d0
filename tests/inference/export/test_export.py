"""Files of a run, read as one reads them without this package."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_drepmrec.cli import main
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.inference import Bundle, Recommender
from recbole_drepmrec.inference.export import index as index_module
from recbole_drepmrec.inference.export import scorer as scorer_module
from recbole_drepmrec.inference.export import vectors as vectors_module
from recbole_drepmrec.inference.export import write_index, write_npz, write_parquet, write_scorer
from recbole_drepmrec.inference.making import bundle_of
from recbole_drepmrec.nn import Representations
from tests.datasets import clustered
from tests.inference.conftest import Trained
from tests.model.contract import all_scores, build

PARTS = ["behavior", "text", "image", "popularity"]


@pytest.fixture(scope="module")
def recommender(trained: Trained) -> Recommender:
    return Recommender.load(trained.run)


@pytest.fixture(autouse=True)
def work_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def export(trained: Trained, *words: str) -> int:
    return main(["export", str(trained.run), *words])


def whole_sort(recommender: Recommender, k: int) -> list[list[tuple[str, float]]]:
    """Each user's list, nothing left out, by Recommender."""
    rows = recommender.recommend(recommender.users.tolist(), k, seen="none")
    pairs = [(row.item, row.score) for row in rows]
    return [pairs[start : start + k] for start in range(0, len(pairs), k)]


def test_vectors_as_npz(
    trained: Trained, recommender: Recommender, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(trained, "--out=deep/vectors.npz") == 0
    parts = "fused, behavior, text, image, popularity"
    said = f"60 users and 48 items: their vectors ({parts}) are in deep/"
    assert said in capsys.readouterr().out
    file = np.load("deep/vectors.npz", allow_pickle=False)
    assert file["users"].tolist() == trained.users
    assert file["items"].tolist() == trained.items
    scores = file["user_fused"] @ file["item_fused"].T
    np.testing.assert_allclose(scores, trained.scores, rtol=1e-4, atol=1e-6)
    for name in PARTS:
        table = recommender.vectors(name)
        np.testing.assert_array_equal(file[f"user_part_{name}"], table.users.numpy())
        np.testing.assert_array_equal(file[f"item_part_{name}"], table.items.numpy())
    assert len(file.files) == 2 + 2 * (1 + len(PARTS))


def test_vectors_as_parquet(
    trained: Trained, recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(vectors_module, "BLOCK_ROWS", 25)  # 60 users: three blocks, the last short
    assert export(trained, "--out=vectors.parquet") == 0
    table = parquet.read_table("vectors.parquet")
    assert table.column_names == ["kind", "id", "fused", *(f"part_{name}" for name in PARTS)]
    for kind, ids in (("user", trained.users), ("item", trained.items)):
        rows = [row for row in table.to_pylist() if row["kind"] == kind]
        assert [row["id"] for row in rows] == ids
        for column in table.column_names[2:]:
            expected = getattr(recommender.vectors(column.removeprefix("part_")), f"{kind}s")
            written = np.array([row[column] for row in rows])
            np.testing.assert_array_equal(written, expected.numpy())


def test_names_of_modalities_that_columns_have(recommender: Recommender, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    part = recommender.vectors("text")
    taken = {**vars(recommender.bundle), "parts": {"id": part, "kind": part, "../x/ü": part}}
    bundle = Bundle(**{**taken, "present": {}})
    write_parquet(tmp_path / "x.parquet", bundle)
    names = parquet.read_table("x.parquet").column_names
    assert names == ["kind", "id", "fused", "part_id", "part_kind", "part_../x/ü"]
    write_npz(tmp_path / "x.npz", bundle)
    np.testing.assert_array_equal(np.load("x.npz")["user_part_../x/ü"], part.users.numpy())


def test_the_flat_index_is_the_whole_sort(
    trained: Trained, recommender: Recommender, capsys: pytest.CaptureFixture[str]
) -> None:
    faiss = pytest.importorskip("faiss")
    assert export(trained, "--out=items.faiss") == 0
    assert "it finds 1.000 of the exact 10 best items" in capsys.readouterr().out
    index = faiss.read_index("items.faiss")
    names = np.load("items.faiss.npz", allow_pickle=False)
    assert names["users"].tolist() == trained.users
    scores, places = index.search(names["user_vectors"], 10)
    for found, given, expected in zip(
        names["items"][places], scores, whole_sort(recommender, 10), strict=True
    ):
        assert found.tolist() == [item for item, _ in expected]
        np.testing.assert_allclose(given, [score for _, score in expected], rtol=1e-5)


def test_equal_scores_are_found_all(recommender: Recommender, tmp_path: Path) -> None:
    """Every item stands there twice: a list of an even length has whole pairs, in any order."""
    faiss = pytest.importorskip("faiss")
    bundle = recommender.bundle
    items = bundle.fused.items[:24].repeat(2, 1)
    twice = {**vars(bundle), "fused": Representations(bundle.fused.users, items), "parts": {}}
    assert write_index(tmp_path / "twice.faiss", Bundle(**{**twice, "present": {}})) == 1
    index = faiss.read_index("twice.faiss")
    scores, places = index.search(bundle.fused.users.numpy(), 10)
    expected = (bundle.fused.users @ bundle.fused.items[:24].T).topk(5)
    np.testing.assert_allclose(scores, expected.values.repeat_interleave(2, 1).numpy(), rtol=1e-5)
    for row, best in zip(places.tolist(), expected.indices.tolist(), strict=True):
        assert sorted(row) == sorted([*best, *(place + 24 for place in best)])


@pytest.mark.parametrize("model", ["VBPR", "SimpleX", "LightGCN", "SimpleX+BMA"])
def test_biases_and_cosines_are_exact(tmp_path: Path, model: str) -> None:
    """VBPR adds biases of items, SimpleX compares by cosines, LightGCN does neither."""
    faiss = pytest.importorskip("faiss")
    prepared = build(
        model, clustered(), tmp_path, **({"item_bias": True} if model == "VBPR" else {})
    )
    prepared.model.eval()
    if model == "VBPR":
        assert prepared.model.item_bias is not None
        torch.nn.init.normal_(prepared.model.item_bias)
    all_of_them = all_scores(prepared).detach()[1:, 1:]
    expected = all_of_them.topk(10)
    bundle = bundle_of(prepared)
    assert bundle is not None
    assert write_index(tmp_path / "x.faiss", bundle) == 1
    scores, places = faiss.read_index("x.faiss").search(bundle.fused.users.numpy(), 10)
    np.testing.assert_allclose(scores, expected.values.numpy(), rtol=1e-4, atol=1e-6)
    assert (places == expected.indices.numpy()).mean() > 0.99  # but for ties
    of_head = head_scores(tmp_path / "x.onnx", bundle)
    np.testing.assert_allclose(of_head, all_of_them.numpy(), rtol=1e-4, atol=1e-6)


def test_what_an_index_misses_is_counted(recommender: Recommender) -> None:
    """It knows no item of an odd place, so it finds the exact best of even ones alone."""
    faiss = pytest.importorskip("faiss")
    users, items = recommender.bundle.fused
    index = faiss.IndexIDMap(faiss.IndexFlatIP(items.shape[1]))
    index.add_with_ids(items[::2].contiguous().numpy(), np.arange(0, len(items), 2))
    exact = faiss.IndexFlatIP(items.shape[1])
    exact.add(items.numpy())
    best = exact.search(users.numpy(), 10)[1]
    expected = float((best % 2 == 0).mean())
    assert 0.1 < expected < 0.9
    assert index_module._recall(index, recommender.bundle) == pytest.approx(expected)


def test_another_kind_of_index_says_what_it_finds(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    faiss = pytest.importorskip("faiss")
    assert export(trained, "--out=items.faiss", "--index=IVF8,Flat") == 0
    share = float(capsys.readouterr().out.partition("it finds ")[2].split()[0])
    assert 0 < share < 1  # one list of eight is looked at
    index = faiss.read_index("items.faiss")
    assert index.ntotal == 48
    assert index.nlist == 8


def head_scores(path: Path, bundle: Bundle) -> Any:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    write_scorer(path, bundle)
    rows = np.arange(len(bundle.users))
    [scores] = runtime.InferenceSession(path).run(None, {"user": rows})
    return scores


def test_the_scoring_head(
    trained: Trained, recommender: Recommender, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    assert export(trained, "--out=scores.onnx") == 0
    assert "onnxruntime gives the model's scores" in capsys.readouterr().out
    session = runtime.InferenceSession("scores.onnx")
    [given], [output] = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape, given.type) == ("user", ["batch"], "tensor(int64)")
    assert (output.name, output.shape) == ("scores", ["batch", 48])
    about = session.get_modelmeta().custom_metadata_map
    users, items = json.loads(about["users"]), json.loads(about["items"])
    assert (users, items) == (trained.users, trained.items)
    for batch in ([5], [3, 0, 59], range(60), []):  # of any size
        rows = np.array(batch, dtype=np.int64)
        [scores] = session.run(["scores"], {"user": rows})
        assert scores.shape == (len(rows), 48)
        for row, of_user in zip(rows, scores, strict=True):
            listed = recommender.recommend([users[row]], 48, seen="none")
            expected = [entry.score for entry in listed]
            actual = of_user[[items.index(entry.item) for entry in listed]]
            np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_scores_that_differ_are_not_written(
    recommender: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    make = scorer_module._model

    def wrong(onnx: Any, bundle: Bundle) -> Any:
        users = bundle.fused.users + 0.01
        fused = Representations(users, bundle.fused.items)
        return make(onnx, Bundle(**{**vars(bundle), "fused": fused}))

    monkeypatch.setattr(scorer_module, "_model", wrong)
    with pytest.raises(UserError, match="onnxruntime differ from the model's by .* nothing was"):
        write_scorer(tmp_path / "scores.onnx", recommender.bundle)
    assert list(tmp_path.iterdir()) == []


def test_what_one_file_cannot_hold(
    recommender: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(scorer_module, "MOST_BYTES", 20_000)
    with pytest.raises(UserError, match="60 users and 48 items take .* and an ONNX file holds 2"):
        write_scorer(tmp_path / "scores.onnx", recommender.bundle)


def test_added_items_are_exported(
    trained: Trained, recommender: Recommender, tmp_path: Path
) -> None:
    text = np.random.default_rng(0).normal(size=(1, 16)).astype(np.float32)
    more = recommender.with_items(trained.run, ["new"], {"text": text})
    more.bundle.write(tmp_path / "more.safetensors")
    assert main(["export", "more.safetensors", "--out=x.npz"]) == 0
    assert np.load("x.npz")["items"][-1] == "new"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: --out"),
        (["--out=x.csv"], "ends in '.csv', expected .npz, .parquet, .faiss, .onnx"),
        (["--out=x"], "ends in '', expected .npz"),
        (["--out=x.npz", "--index=Flat"], "--index belongs to --out=FILE.faiss, and --out is x.n"),
        (["--out=x.faiss", "--index=Quick"], "'Quick' of 48 items with 129 numbers (could not par"),
        (["--out=x.faiss", "--index=IVF99,Flat"], "should be at least as large as number of clu"),
        (["--out=/proc/no/x.npz"], "the folder /proc/no cannot be made"),
        (["--out=folder.npz"], "cannot write folder.npz: Is a directory. Choose another place"),
    ],
)
def test_a_mistake_is_one_message_and_nothing_is_written(
    trained: Trained,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    if any(".faiss" in word for word in words):
        pytest.importorskip("faiss")
    (tmp_path / "folder.npz").mkdir()
    assert export(trained, *words) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert [path.name for path in tmp_path.rglob("*")] == ["folder.npz"]


def test_a_run_without_vectors(
    popular: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for ending in ("npz", "parquet", "faiss", "onnx"):
        assert export(popular, f"--out=x.{ending}") == 2
        error = capsys.readouterr().err
        assert "A run of Pop leaves one if its scores are dot products" in error
        assert "LightGCN" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("module", "out", "package"),
    [("faiss", "x.faiss", "faiss-cpu"), ("onnx", "x.onnx", "onnx"), ("onnxruntime", "x.onnx", "")],
)
def test_a_package_that_is_missing(
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    module: str,
    out: str,
    package: str,
) -> None:
    if module == "onnxruntime":
        pytest.importorskip("onnx")
    monkeypatch.setitem(sys.modules, module, None)
    assert export(trained, f"--out={out}") == 2
    error = capsys.readouterr().err
    assert f"the package {package or module} is not installed" in error
    assert 'pip install "recbole-drepmrec[export]"' in error
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_index_and_its_ids(
    recommender: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faiss")
    path = tmp_path / "items.faiss"
    write_index(path, recommender.bundle)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert sorted(before) == ["items.faiss", "items.faiss.npz"]

    def cut(faiss: Any, index: Any, file: Path) -> Any:
        faiss.write_index(index, str(file))
        file.write_bytes(file.read_bytes()[:-1])
        monkeypatch.setattr(faiss, "write_index", lambda *_: None)  # as a full disk leaves it
        return written(faiss, index, file)

    written = index_module._written
    monkeypatch.setattr(index_module, "_written", cut)
    with pytest.raises(UserError, match="faiss could not write it whole. Free some space"):
        write_index(path, recommender.bundle)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


# Killed once the index has its place, before its ids have theirs.
KILLED = """
import os, signal, sys
from pathlib import Path
from recbole_drepmrec.cli import main
replace = os.replace
def replace_and_die(source, target):
    replace(source, target)
    os.kill(os.getpid(), signal.SIGKILL)
os.replace = replace_and_die
main(["export", sys.argv[1], "--out=items.faiss"])
"""


def test_no_ids_stand_beside_an_index_of_another_run(trained: Trained, tmp_path: Path) -> None:
    faiss = pytest.importorskip("faiss")
    (tmp_path / "items.faiss").write_text("old")
    (tmp_path / "items.faiss.npz").write_text("old")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(trained.run)],
        check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert killed.returncode == -9
    assert faiss.read_index("items.faiss").ntotal == 48
    assert not Path("items.faiss.npz").exists()
    assert export(trained, "--out=items.faiss") == 0
    assert np.load("items.faiss.npz")["items"].tolist() == trained.items
