"""Neighbours from an index against the exact ones."""

import logging
import sys

import pytest
import torch
from torch import Tensor

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.graph import NeighbourSearch, approximate, cosine_knn
from recbole_drepmrec.graph import search as search_module
from recbole_drepmrec.graph.approximate import approximate_cosine_knn


@pytest.fixture
def features() -> Tensor:
    """4,000 rows in 60 clusters, the first one padding."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(60, 16, generator=generator)
    rows = centres[torch.randint(0, 60, (4000,), generator=generator)]
    return rows + 0.6 * torch.randn(4000, 16, generator=generator)


def present(features: Tensor) -> Tensor:
    """All but padding and every hundredth row."""
    return torch.arange(len(features)) % 100 != 0


def test_most_exact_neighbours_are_found_and_the_log_says_how_many(
    features: Tensor, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("faiss")
    with caplog.at_level(logging.INFO):
        graph = approximate_cosine_knn(features, present(features), 10)
    exact = cosine_knn(features, present(features), 10)
    found = set(zip(graph.rows.tolist(), graph.cols.tolist(), strict=True))
    wanted = set(zip(exact.rows.tolist(), exact.cols.tolist(), strict=True))
    recall = len(found & wanted) / len(wanted)
    assert recall > 0.9
    assert f"index: it finds {recall:.1f}" in caplog.text
    same = graph.to_dense()[exact.rows, exact.cols]
    torch.testing.assert_close(same[same > 0], exact.weights[same > 0])


def test_rows_that_are_missing_zero_or_the_same_are_as_in_the_exact_search(
    features: Tensor,
) -> None:
    pytest.importorskip("faiss")
    features[[3, 4]] = 0.0
    features[0] = torch.nan
    graph = approximate_cosine_knn(features, present(features), 7)
    there = present(features) & (features != 0).any(1)
    assert there[graph.rows].all()
    assert there[graph.cols].all()
    assert (graph.rows != graph.cols).all()
    assert graph.rows.bincount().max() == 7
    again = approximate_cosine_knn(features, present(features), 7)
    assert torch.equal(graph.rows * 4000 + graph.cols, again.rows * 4000 + again.cols)


def test_only_many_rows_are_worth_an_index(
    features: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faiss")
    search = NeighbourSearch(kind="approximate")
    exact = cosine_knn(features, present(features), 2)
    few = search.cosine(features, present(features), 2)
    assert torch.equal(few.cols, exact.cols)
    monkeypatch.setattr(search_module, "FEWEST_ROWS", 4000)
    monkeypatch.setattr(approximate, "FEWEST_LISTS", 1)
    many = search.cosine(features, present(features), 2)
    assert not torch.equal(many.cols, exact.cols)


def test_without_faiss_one_message_says_what_to_install(
    features: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(UserError, match="pip install faiss-cpu, or set --knn_search=exact"):
        approximate_cosine_knn(features, present(features), 2)


def test_an_impossible_request_is_refused(features: Tensor) -> None:
    with pytest.raises(ValueError, match="k is 0"):
        approximate_cosine_knn(features, present(features), 0)
