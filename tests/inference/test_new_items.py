"""Items that came after training, scored by their features."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from recbole_drepmrec.checkpoint import read_checkpoint
from recbole_drepmrec.cli import main
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.graph import (
    Graph,
    SparseMatrix,
    cosine_knn,
    normalise_by_degrees,
    with_self_loops,
)
from recbole_drepmrec.inference import Recommender, add_items_command
from recbole_drepmrec.inference.adding import add_items
from recbole_drepmrec.inference.making import bundle_of
from recbole_drepmrec.inference.new_items import read_item_maker
from recbole_drepmrec.inference.new_items_making import item_maker_of
from recbole_drepmrec.nn import FrozenMatrix, smooth
from recbole_drepmrec.prepared import Prepared
from recbole_drepmrec.quick_start import run_recbole
from tests.datasets import DatasetFiles, clustered, known_by_features, with_random_features
from tests.inference.conftest import Trained
from tests.model.contract import build


def raw_rows(n: int, width: int, seed: int = 3) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def as_one_more_row(prepared: Prepared, m: int, raw: NDArray[np.float32]) -> torch.Tensor:
    """The encoder run anew over all rows and one more, whom nobody has as a neighbour."""
    side = prepared.model.modal_side
    encoder, name = list(side.modal_line.encoders)[m], side.modal_line.names[m]
    x = prepared.model.row_preparations[name].apply(raw[None])
    features = torch.cat([encoder.features.values, x])
    present = torch.cat([encoder.present, torch.tensor([True])])
    k, n = side.settings.item_graph_k, len(encoder.features.values)
    neighbours = cosine_knn(features, present, k)
    old = cosine_knn(encoder.features.values, encoder.present, k)
    mine = neighbours.rows == n
    graph = Graph(
        torch.cat([old.rows, neighbours.rows[mine]]),
        torch.cat([old.cols, neighbours.cols[mine]]),
        torch.cat([old.weights, neighbours.weights[mine]]),
        (n + 1, n + 1),
    )
    table = side.modal_line.item_table
    if side.settings.gate == "behavior":
        table = prepared.model.gate_items()
    if table is not None:
        weights = neighbours.weights[mine]
        row = (weights.unsqueeze(1) * table[neighbours.cols[mine]]).sum(0) / weights.sum()
        table = torch.cat([table, row[None]])
    gated = encoder.gate(FrozenMatrix(features), table)
    if encoder.item_graph is None:
        return gated[n]
    if side.settings.item_graph_self_loop:
        graph = with_self_loops(graph, present, 1.0)
    alone = normalise_by_degrees(graph).select(graph.rows == n)
    layers = [gated[:n]]
    for _ in range(encoder.n_layers):
        layers.append(smooth(encoder.item_graph, layers[-1], 1))
    last = gated[n]
    for layer in layers[: encoder.n_layers]:
        last = SparseMatrix(alone)(torch.cat([layer, last[None]]))[n]
    return last


FUSED = {"fusion": "sum", "modal_scale": 0.5}


@pytest.mark.parametrize("gate", ["both", "own", "self", "none", "behavior"])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"item_graph_layers": 2, "item_graph_k": 3},
        {"item_graph_self_loop": False},
        {"item_graph": "none", "feature_norm": "l2"},
    ],
)
@torch.no_grad()
def test_a_new_row_is_one_more_row_of_the_encoder(
    tmp_path: Path, gate: str, values: dict[str, Any]
) -> None:
    prepared = build("DRepMRec", clustered(), tmp_path, gate=gate, **FUSED, **values)
    maker = item_maker_of(prepared)
    assert maker is not None
    text, image = raw_rows(2, 16), 100 + raw_rows(2, 6)
    image[1] = 0  # the second item lacks it
    parts = maker.parts({"text": text, "image": image})
    of_text = [as_one_more_row(prepared, 0, row) for row in text]
    of_image = as_one_more_row(prepared, 1, image[0])
    expected = {
        "text": torch.stack([0.5 * of_text[0] / 2, 0.5 * of_text[1]]),
        "image": torch.stack([0.5 * of_image / 2, torch.zeros(64)]),
    }
    for name, part in parts.items():
        torch.testing.assert_close(part, expected[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("fusion", "loss"),
    [
        *(("sum", "bpr"), ("concat", "bpr"), ("weighted", "bpr"), ("late", "bpr")),
        *(("sum", "softmax"), ("late", "softmax")),
    ],
)
def test_known_items_are_not_changed(tmp_path: Path, fusion: str, loss: str) -> None:
    prepared = build("DRepMRec", clustered(), tmp_path, fusion=fusion, ranking_loss=loss)
    if loss == "softmax":
        torch.nn.init.normal_(prepared.model.modal_side.ranking.item_bias)  # zero at first
    before, maker = bundle_of(prepared), item_maker_of(prepared)
    assert before is not None
    assert maker is not None
    after = add_items(before, maker, ["new"], {"text": raw_rows(1, 16)}, ["Its title"])
    assert torch.equal(after.fused.items[:48], before.fused.items)
    assert torch.equal(after.fused.users, before.fused.users)
    assert not after.parts["behavior"].items[48].any()
    total = torch.stack([part.items[48] for part in after.parts.values()]).sum(0)
    torch.testing.assert_close(after.fused.items[48], total)
    if loss == "softmax":
        popularity = before.fused.items[:, -1]
        assert float(after.fused.items[48, -1]) == pytest.approx(float(popularity.mean()))
    length = float(after.directions["fused"].items[48].norm())
    assert length > 0
    scale = prepared.model.settings.modal_scale
    alone = scale + 1 / scale if fusion == "late" else 1  # it counts for both lines
    assert loss == "bpr" or length == pytest.approx(alone, abs=1e-5)
    assert [bool(there[48]) for there in after.present.values()] == [True, False]
    assert after.items.tolist() == [*before.items, "new"]
    assert Recommender(after).title("new") == "Its title"
    assert dataclasses.replace(after).items.tolist()[-1] == "new"


@pytest.mark.parametrize("gate", ["both", "own", "self", "none", "behavior"])
def test_an_item_of_equal_features_is_the_nearest(tmp_path: Path, gate: str) -> None:
    """Among items of random features: in a tight cluster all are as near."""
    files = with_random_features(clustered())
    names, text = files.features["text"]
    prepared = build("DRepMRec", files, tmp_path, gate=gate)
    before, maker = bundle_of(prepared), item_maker_of(prepared)
    assert before is not None
    assert maker is not None
    copies = [f"copy of {name}" for name in names]
    recommender = Recommender(add_items(before, maker, copies, {"text": text}))
    nearest = recommender.similar_items(names, 1, "text")
    assert [row.item for row in nearest] == copies


def test_the_model_knows_whose_new_items_are(tmp_path: Path) -> None:
    """Nobody has had them, and they were not there: their features alone tell the cluster."""
    files = known_by_features()
    warm = {item for _, item in files.train}
    names, text = files.features["text"]
    kept = [n for n, name in enumerate(names) if name in warm]
    some = [pair for pair in files.train if hash_of(pair) % 8 == 0]
    reduced = DatasetFiles(
        [pair for pair in files.train if pair not in some],
        some[::2],
        some[1::2],
        {"text": ([names[n] for n in kept], text[kept])},
    )
    settings = {**reduced.write(tmp_path / "dataset"), "epochs": 40, "learning_rate": 0.01}
    run = Path(run_recbole("DRepMRec", config_dict=settings).run)
    shutil.rmtree(tmp_path / "dataset" / "tiny")
    new = [n for n, name in enumerate(names) if name not in warm]
    np.save(tmp_path / "new.npy", text[new])
    (tmp_path / "new.txt").write_text("".join(f"{names[n]}\n" for n in new))
    words = [f"--features=text={tmp_path / 'new.npy'}", f"--ids={tmp_path / 'new.txt'}"]
    assert main(["add_items", str(run), *words]) == 0
    more = Recommender.load(run)
    rows = more.recommend(more.users.tolist(), 5, candidates=[names[n] for n in new])
    right = [int(row.of[1:]) % 5 == int(row.item[1:]) % 5 for row in rows]
    assert len(rows) == 5 * 60
    assert np.mean(right) > 0.9  # chance is .2


def hash_of(pair: tuple[str, str]) -> int:
    return 7 * int(pair[0][1:]) + 3 * int(pair[1][1:])


@pytest.fixture
def copied(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the run in a working folder with files of two new items."""
    shutil.copytree(trained.run, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    np.save("text.npy", raw_rows(2, 16))
    np.savez("image.npz", features=100 + raw_rows(1, 6), ids=np.array(["b"]))
    Path("ids.txt").write_text("a\nb\n")
    return tmp_path


def test_by_the_command_line(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["add_items", "run", "--features=text=text.npy,image=image.npz", "--ids=ids.txt"]
    assert main(words) == 0
    assert "added 2 items to run/inference.safetensors, which now has 50" in capsys.readouterr().out
    recommender = Recommender.load("run")
    assert recommender.items[-2:].tolist() == ["a", "b"]
    present = recommender.bundle.present
    assert present["text"][-2:].tolist() == [True, True]
    assert present["image"][-2:].tolist() == [False, True]
    assert main(words) == 2  # again
    assert "2 of the 2 items are known already, first 'a'" in capsys.readouterr().err
    assert main(["recommend", "run", "--users=u1", "--k=99", "--seen=none"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 51


def test_what_another_command_adds_meanwhile_stays(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = add_items_command.read_features
    Path("other.txt").write_text("c\nd\n")

    def read_slowly(*given: Any) -> Any:
        monkeypatch.setattr(add_items_command, "read_features", read)
        assert main(["add_items", "run", "--features=text=text.npy", "--ids=other.txt"]) == 0
        return read(*given)

    monkeypatch.setattr(add_items_command, "read_features", read_slowly)
    assert main(["add_items", "run", "--features=text=text.npy", "--ids=ids.txt"]) == 0
    assert Recommender.load("run").items[48:].tolist() == ["c", "d", "a", "b"]


def test_titles_of_new_items(copied: Path) -> None:
    recommender, rows = Recommender.load("run"), {"text": raw_rows(2, 16)}
    added = recommender.with_items("run", ["a", "b"], rows, ["One", "Two"])
    assert [added.title(item) for item in ("i4", "b")] == [recommender.title("i4"), "Two"]
    with pytest.raises(UserError, match="there are 1 titles of 2 items"):
        recommender.with_items("run", ["a", "b"], rows, ["One"])


def test_added_items_can_go_to_another_file(copied: Path) -> None:
    words = ["--features=text=text.npy", "--ids=ids.txt", "--out=more.safetensors"]
    before = Path("run/inference.safetensors").read_bytes()
    assert main(["add_items", "run", *words]) == 0
    assert Path("run/inference.safetensors").read_bytes() == before
    assert len(Recommender.load("more.safetensors").items) == 50


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--features=text.npy"], "expected one file for each modality, as in"),
        (
            ["--features=text=none.npy", "--ids=ids.txt"],
            "modality 'text': the feature file none.npy does not exist; correct --features",
        ),
        (
            ["--features=text=text.npy", "--ids=none.txt"],
            "modality 'text': the list of ids none.txt does not exist; correct --ids",
        ),
        (
            ["--features=text=text.npy", "--ids=text=none.txt"],
            "modality 'text': the list of ids none.txt does not exist; correct --ids",
        ),
        (["--features=text=text.npy", "--ids=txt=ids.txt"], "--ids names 'txt', and --features"),
        (["--features=text=text.npy,text=nan.npy"], "expected one file for each modality, as in"),
        (["--features=text=text.npy"], "nobody says which item each row of text.npy is"),
        (["--features=smell=text.npy", "--ids=ids.txt"], "no modality 'smell'; it has text, image"),
        (["--features=image=text.npy", "--ids=ids.txt"], "(2, 16), expected (2, 6)"),
        (["--features=text=zero.npy", "--ids=ids.txt"], "1 items have no feature in any modality"),
        (["--features=text=nan.npy", "--ids=ids.txt"], "have NaN or infinity"),
        (["--features=text=text.npy", "--ids=twice.txt"], "item 'a' stands there 2 times"),
    ],
)
def test_mistakes_leave_the_run_as_it_was(
    copied: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    rows = raw_rows(2, 16)
    np.save("zero.npy", rows * np.array([[0.0], [1.0]], dtype=np.float32))
    np.save("nan.npy", rows * np.float32(np.nan))
    Path("twice.txt").write_text("a\na\n")
    before = Path("run/inference.safetensors").read_bytes()
    assert main(["add_items", "run", *words]) == 2
    captured = capsys.readouterr().err
    assert message in captured
    assert captured.count("\n") == 1
    assert Path("run/inference.safetensors").read_bytes() == before


def test_models_without_a_modal_line_take_no_new_items(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("run/features.safetensors").unlink()
    assert main(["add_items", "run", "--features=text=text.npy", "--ids=ids.txt"]) == 2
    assert "only models with a Modal Line write it" in capsys.readouterr().err
    shutil.copy("run/checkpoint.safetensors", "run/features.safetensors")
    with pytest.raises(UserError, match="is no features file of recbole-drepmrec"):
        read_item_maker(Path("run/features.safetensors"))


def test_features_are_kept_if_they_may_be(tmp_path: Path) -> None:
    settings = {**clustered().write(tmp_path), "epochs": 1, "keep_features": False}
    run = Path(run_recbole("DRepMRec", config_dict=settings).run)
    assert not (run / "features.safetensors").exists()
    assert (run / "inference.safetensors").is_file()
    assert read_checkpoint(run / "checkpoint.safetensors", torch.device("cpu"))["epoch"] == 0
