"""The parts of the report that are worked out: planes, pairs, curves, users, SVG."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.split import Split
from recbole_drepmrec.report import projection
from recbole_drepmrec.report.alignment import Pairs
from recbole_drepmrec.report.curves import _course, _mean
from recbole_drepmrec.report.examples import chosen_users, titles
from recbole_drepmrec.report.projection import check_method, principal_components, project
from recbole_drepmrec.report.svg import SERIES, drawing, panel


def test_principal_components_by_hand() -> None:
    """Spread 3 along the second axis, 1 along the first: the second comes first."""
    rows = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 3.0], [0.0, -3.0]]) + 5
    expected = torch.tensor([[0.0, 1.0], [0.0, -1.0], [3.0, 0.0], [-3.0, 0.0]])
    torch.testing.assert_close(principal_components(rows), expected)


def test_one_dimension_has_no_second_component() -> None:
    plane = principal_components(torch.tensor([[1.0], [2.0], [6.0]]))
    assert plane[:, 0].tolist() == pytest.approx([-2, -1, 3])
    assert plane[:, 1].tolist() == [0, 0, 0]


def test_umap_without_its_package_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(projection.importlib, "import_module", missing)
    with pytest.raises(UserError, match=r"pip install \"recbole-drepmrec\[umap\]\""):
        check_method("umap")
    check_method("pca")


def test_umap_is_asked_by_cosine_with_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    class Fake:
        def __init__(self, **settings: Any) -> None:
            asked.update(settings)

        def fit_transform(self, rows: NDArray[Any]) -> NDArray[Any]:
            return rows[:, :2]

    monkeypatch.setattr(
        projection.importlib, "import_module", lambda name: SimpleNamespace(UMAP=Fake)
    )
    rows = torch.arange(12.0).view(4, 3)
    torch.testing.assert_close(project(rows, "umap"), rows[:, :2])
    assert (asked["metric"], asked["random_state"]) == ("cosine", 0)


def test_pairs_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cosines [[1, 0], [.6, .8]]: of the same 1 and .8, of others 0 and .6; both found first."""
    behavior = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    pairs = Pairs(behavior, torch.eye(2))
    assert pairs.cosine == pytest.approx(0.9)
    assert pairs.cosine_of_others == pytest.approx(0.3)
    monkeypatch.setattr("recbole_drepmrec.report.alignment.NEAREST", 1)
    assert pairs.found == 1
    assert Pairs(behavior, torch.eye(2).flip(0)).found == 0  # each the other's


def test_course_adds_up_seconds_of_epochs_without_a_value() -> None:
    epochs = [{"epoch": n, "train_seconds": 2.0, "v": v} for n, v in enumerate((None, 0.5, 0.7))]
    assert list(_course(epochs, lambda epoch: epoch["v"])) == [(1, 4.0, 0.5), (2, 6.0, 0.7)]


def test_mean_over_the_seeds_that_trained_so_long() -> None:
    one = [(0, 1.0, 0.2), (1, 2.0, 0.4)]
    other = [(0, 3.0, 0.4)]
    curve = _mean("A", [(one, 1), (other, 0)], "epoch")
    assert curve is not None
    assert curve.x == [0.0, 1.0]
    assert curve.y == pytest.approx([0.3, 0.4])
    assert (curve.low, curve.high) == ([0.2, 0.4], [0.4, 0.4])
    assert curve.chosen == [(1.0, 0.4), (0.0, 0.4)]
    assert _mean("A", [], "epoch") is None


def test_mean_by_time_ends_with_the_first_seed() -> None:
    """Five epochs of 10 seconds and twenty of one: without the slow seed time would run back."""
    slow = [(epoch, 10.0 * (epoch + 1), 0.2) for epoch in range(5)]
    quick = [(epoch, 1.0 * (epoch + 1), 0.4) for epoch in range(20)]
    curve = _mean("A", [(slow, 4), (quick, 19)], "seconds")
    assert curve is not None
    assert curve.x == [5.5, 11.0, 16.5, 22.0, 27.5]
    assert curve.chosen == [(50.0, 0.2), (20.0, 0.4)]
    assert _mean("A", [(slow[:1], 0), (quick[1:2], 1)], "seconds") is None


def split_of(counts: list[int], named: list[str] | None) -> Split:
    n = len(counts)
    nobody = sp.csr_array((n, 2), dtype=np.bool_)
    return Split(
        users=np.array([f"u{user}" for user in range(n)]),
        items=np.array(["7", "9"]),
        titles=None if named is None else np.array(named),
        item_counts=np.ones(2, dtype=np.int64),
        user_counts=np.array(counts),
        trained=nobody,
        relevant=nobody,
        modalities={},
        interactions={},
    )


def test_users_by_the_rule() -> None:
    """By interactions u1 u4 u0 u2 u3: u4 at a quarter, u0 in the middle, u2 at three quarters."""
    assert chosen_users(split_of([5, 1, 8, 9, 1], None)) == [4, 0, 2]
    assert chosen_users(split_of([3], None)) == [0]


def test_an_item_without_a_title_is_called_by_its_id() -> None:
    assert titles(split_of([1], ["Fargo", " "])) == ["Fargo", "item 9"]
    assert titles(split_of([1], None)) == ["item 7", "item 9"]


def test_svg_takes_the_pages_colours_and_leaves_texts_alone() -> None:
    name = f"a$b$ <i> {SERIES[0]} 1.23456"
    with drawing(3, 2) as (figure, axes):
        axes.plot([0, 1], [0, math.pi], color=SERIES[0])
        axes.set_xlabel(name)
        one = panel(figure, "title", 'says "this" & that')
    assert one.svg.startswith('<svg role="img" viewBox="0 0 216 144" aria-label="says &quot;this')
    assert f">a$b$ &lt;i&gt; {SERIES[0]} 1.23456</text>" in one.svg
    assert "stroke: var(--s0)" in one.svg
    assert "font-family" not in one.svg
    assert "<style" not in one.svg
    assert one.width == 288
