"""A run's folder alone recommends what its model did."""

import pickle
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.inference import Recommender, bundle, ranking
from recbole_drepmrec.inference.bundle import Histories
from recbole_drepmrec.inference.histories import fit_history_map
from recbole_drepmrec.inference.making import bundle_of
from recbole_drepmrec.model.host_vectors import CARRIERS
from recbole_drepmrec.nn import Representations
from recbole_drepmrec.registry import MODELS
from recbole_drepmrec.state_file import read_state, write_state
from tests.datasets import clustered
from tests.inference.conftest import Trained
from tests.model.contract import all_scores, build

PARTS = clustered()


@pytest.fixture(scope="module")
def recommender(trained: Trained) -> Recommender:
    return Recommender.load(trained.run)


def known(user: str, *parts: Any) -> set[str]:
    return {item for part in parts for taken_by, item in part if taken_by == user}


@pytest.mark.parametrize("model", sorted({*MODELS, *CARRIERS, "LightGCN+BMA", "SimpleX+BMA"}))
def test_scores_are_the_models(tmp_path: Path, model: str) -> None:
    prepared = build(
        model, clustered(), tmp_path, **({"num_clusters": 4} if model == "NCL" else {})
    )
    prepared.model.eval()
    expected = all_scores(prepared).detach()[1:, 1:]  # first, which fills a model's caches
    bundle = bundle_of(prepared)
    if model == "ItemKNNCBF":
        assert bundle is None
        return
    assert bundle is not None
    actual = bundle.fused.users @ bundle.fused.items.T
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-6)
    assert bundle.users.tolist() == prepared.dataset.field2id_token["user_id"][1:].tolist()


def test_lists_are_those_of_the_test(trained: Trained, recommender: Recommender) -> None:
    rows = recommender.recommend(trained.test_users, k=5)
    found = [[row.item for row in rows if row.of == user] for user in trained.test_users]
    assert found == trained.top
    for row in rows[:20]:
        place = trained.users.index(row.of), trained.items.index(row.item)
        assert row.score == pytest.approx(float(trained.scores[place]), rel=1e-5)
    assert [row.rank for row in rows[:6]] == [1, 2, 3, 4, 5, 1]


def test_what_was_seen_is_left_out(recommender: Recommender) -> None:
    parts = [PARTS.train, PARTS.valid, PARTS.test]
    for n, seen in enumerate(("none", "train", "valid", "all")):
        listed = {row.item for row in recommender.recommend(["u3"], k=99, seen=seen)}  # type: ignore[arg-type]
        assert listed == set(recommender.items) - known("u3", *parts[:n])


def test_candidates_and_excluded_items(recommender: Recommender) -> None:
    candidates = ["i1", "i2", "i5", "i9", "i5"]
    rows = recommender.recommend(["u0"], k=9, seen="none", candidates=candidates, exclude=["i2"])
    assert {row.item for row in rows} == {"i1", "i5", "i9"}
    whole = [row for row in recommender.recommend(["u0"], k=48, seen="none")]
    assert [row.item for row in rows] == [r.item for r in whole if r.item in ("i1", "i5", "i9")]


def test_lists_do_not_depend_on_blocks(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [row for block in recommender.lists(None, 4) for row in block.rows(recommender.items)]
    assert [row.of for row in whole[::4]] == recommender.users.tolist()
    monkeypatch.setattr(ranking, "MOST_SCORES", 7 * 48)
    blocks = list(recommender.lists(None, 4))
    assert max(len(block.of) for block in blocks) == 7
    again = [row for block in blocks for row in block.rows(recommender.items)]
    assert [row[:2] for row in again] == [row[:2] for row in whole]


@pytest.mark.parametrize("by", ["fused", "behavior", "text", "image"])
def test_similar_rows_have_the_highest_cosines(recommender: Recommender, by: str) -> None:
    vectors = recommender.vectors(by)
    for names, table, similar in (
        (recommender.items, vectors.items, recommender.similar_items),
        (recommender.users, vectors.users, recommender.similar_users),
    ):
        if by == "fused":
            table = table[:, :-1]  # popularity is no direction
        rows = similar([names[1], names[5]], 3, by)
        cosines = torch.cosine_similarity(table[5], table, dim=-1)
        cosines[5] = -1
        cosines[table.norm(dim=1) == 0] = -1
        best = pytest.approx(cosines.topk(3).values.tolist(), abs=1e-5)
        places = [names.tolist().index(row.item) for row in rows[3:]]
        assert [row.score for row in rows[3:]] == best
        assert cosines[places].tolist() == best  # some are equal but for rounding
        assert len(set(places)) == 3


def test_similar_items_of_one_without_the_modality(recommender: Recommender) -> None:
    with pytest.raises(UserError, match="'i7' has no vector by 'image'"):  # every seventh has none
        recommender.similar_items(["i7"], by="image")
    everyone = recommender.similar_items(["i1"], 99, "image")
    assert len(everyone) == 48 - 7 - 1


def test_similar_items_are_of_the_same_cluster(recommender: Recommender) -> None:
    for by in ("fused", "behavior", "text"):
        for row in recommender.similar_items(["i5", "i10"], 3, by):
            assert int(row.of[1:]) % 4 == int(row.item[1:]) % 4, by


def test_a_history_gets_items_of_its_cluster(recommender: Recommender) -> None:
    rows = recommender.recommend_history(["i2", "i6", "i10"], k=5)
    assert {int(row.item[1:]) % 4 for row in rows} == {2}
    assert not {"i2", "i6", "i10"} & {row.item for row in rows}
    kept = recommender.recommend_history(["i2", "i6", "i10"], k=48, keep_seen=True)
    assert len(kept) == 48


def test_the_history_of_a_user_says_nearly_what_the_user_does(recommender: Recommender) -> None:
    shared = 0
    for user in recommender.users[:20]:
        own = recommender.recommend([user], 5, seen="train")
        made = recommender.recommend_history(sorted(known(user, PARTS.train)), 5)
        shared += len({row.item for row in own} & {row.item for row in made})
    assert shared > 75  # of 100


def test_history_map_finds_a_linear_relation() -> None:
    random = torch.Generator().manual_seed(1)
    items, true = torch.randn(30, 4, generator=random), torch.randn(4, 4, generator=random)
    taken = [torch.randperm(30, generator=random)[:5].sort().values for _ in range(200)]
    means = torch.stack([items[own].mean(0) for own in taken])
    test_items = torch.full((200, 1), 29)  # a test item must not matter
    histories = Histories(
        np.arange(0, 1201, 6),
        torch.cat([torch.stack(taken), test_items], dim=1).flatten().numpy(),
        np.tile(np.array([0, 0, 0, 0, 0, 2], dtype=np.int8), 200),
    )
    found = fit_history_map(Representations(means @ true, items), histories)
    torch.testing.assert_close(found, true, rtol=0.02, atol=0.02)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.recommend(["u1", "nobody"]), "1 of 2 user ids are unknown, first 'nobody'"),
        (lambda r: r.recommend(["u1"], candidates=["x"]), "item ids are unknown, first 'x'"),
        (lambda r: r.recommend(["u1"], k=0), "k is 0, expected at least 1"),
        (lambda r: r.recommend(["u1"], seen="some"), "`seen` is 'some', expected one of none"),
        (lambda r: r.recommend_history([]), "the history is empty"),
        (lambda r: r.similar_items(["i1"], by="smell"), "no vectors by 'smell'; it has those of"),
        (lambda r: r.explain("u1", "x"), "item ids are unknown, first 'x'"),
    ],
)
def test_mistakes(recommender: Recommender, call: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        call(recommender)


def test_titles(recommender: Recommender) -> None:
    assert recommender.title("i4") == 'The 4th, or "so"'


def test_runs_that_cannot_recommend(popular: Trained, trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(
        UserError,
        match="of Pop leaves one if its scores are dot products .* with such scores: those of this",
    ):
        Recommender.load(popular.run)
    with pytest.raises(UserError, match="nowhere does not exist; expected the folder of a finish"):
        Recommender.load(tmp_path / "nowhere")
    with pytest.raises(UserError, match="is no finished run"):
        Recommender.load(tmp_path)
    shutil.copytree(trained.run, tmp_path / "run")
    with pytest.raises(
        UserError,
        match="holds runs; give one of them, such as " + re.escape(f"{tmp_path / 'run'}."),
    ):
        Recommender.load(tmp_path)
    file = tmp_path / "run" / "inference.safetensors"
    whole = file.read_bytes()
    for damaged in (whole[:100], whole[:-1], pickle.dumps({"fused": 1})):
        file.write_bytes(damaged)
        with pytest.raises(UserError, match="is damaged or no inference file"):
            Recommender.load(tmp_path / "run")
    shutil.copy(trained.run / "checkpoint.safetensors", file)
    with pytest.raises(UserError, match="is no inference file of recbole-drepmrec, format 3"):
        Recommender.load(tmp_path / "run")


def test_a_file_of_another_format_is_told_so(trained: Trained, tmp_path: Path) -> None:
    state = read_state(trained.run / bundle.FILE, bundle.WHAT, bundle.FORMAT, torch.device("cpu"))
    write_state(tmp_path / "old", bundle.WHAT, 1, state)
    with pytest.raises(UserError, match="format 3, but of format 1; use the version that wrote it"):
        Recommender.load(tmp_path / "old")
