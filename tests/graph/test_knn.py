"""Relation graphs: blockwise equals dense, and values computed by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from recbole_drepmrec.graph import (
    Graph,
    cooccurrence_knn,
    cosine_knn,
    interaction_graph,
    mean_cosine_knn,
    normalise_by_degrees,
    normalise_by_row_sums,
    softmax_by_row,
    weighted_sum,
    with_self_loops,
)
from recbole_drepmrec.graph.knn import best_edges
from recbole_drepmrec.graph.mean_cosines import MeanCosines, Unit


def dense_top_k(scores: Tensor, k: int, present: Tensor) -> Tensor:
    """The plain definition: sort each row by score, then by id, and keep the first k."""
    graph = torch.zeros_like(scores)
    for row in present.nonzero().flatten().tolist():
        others = [col for col in present.nonzero().flatten().tolist() if col != row]
        others.sort(key=lambda col: (-float(scores[row, col]), col))
        for col in others[:k]:
            graph[row, col] = scores[row, col].clamp(min=0)
    return graph


@st.composite
def problems(draw: st.DrawFn) -> tuple[Tensor, Tensor, int, int]:
    """Few distinct small integers, so that rows repeat and cosines tie; some rows masked."""
    n, d = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    numbers = st.lists(st.integers(-1, 2), min_size=n * d, max_size=n * d)
    features = torch.tensor(draw(numbers), dtype=torch.float32).view(n, d)
    present = torch.tensor(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    features[~present] = float("nan")
    return features, present, draw(st.integers(1, n + 2)), draw(st.integers(1, n + 2))


@settings(max_examples=80, deadline=None)
@given(problems())
def test_blockwise_cosine_knn_is_the_dense_one_for_any_block(
    problem: tuple[Tensor, Tensor, int, int],
) -> None:
    features, present, k, block_rows = problem
    unit = torch.nn.functional.normalize(features.nan_to_num().double(), dim=1)
    expected = dense_top_k((unit @ unit.T).float(), k, present)
    graph = cosine_knn(features, present, k, block_rows)
    torch.testing.assert_close(graph.to_dense(), expected)


def test_many_identical_rows_give_the_same_edges_in_any_block() -> None:
    distinct = torch.randn(7, 33, generator=torch.Generator().manual_seed(3))
    features = distinct[torch.arange(300) % 7]
    present = torch.ones(300, dtype=torch.bool)
    whole = cosine_knn(features, present, 10, 300)
    for block_rows in (1, 7, 64):
        graph = cosine_knn(features, present, 10, block_rows)
        assert torch.equal(graph.rows, whole.rows)
        assert torch.equal(graph.cols, whole.cols)
        assert torch.equal(graph.weights, whole.weights)


def test_equal_scores_prefer_the_lower_id_over_a_long_row() -> None:
    scores = torch.ones(3, 5000)
    scores[:, 4000] = 2.0
    rows, cols, _ = best_edges(scores, torch.tensor([0, 2, 4000]), 4)
    assert cols[rows == 2].tolist() == [0, 1, 3, 4000]
    assert cols[rows == 4000].tolist() == [0, 1, 2, 3]


def test_the_scores_given_are_not_changed() -> None:
    scores = torch.ones(4, 4)
    best_edges(scores, torch.arange(4), 2)
    assert torch.equal(scores, torch.ones(4, 4))


def test_padding_and_missing_rows_take_no_part_whatever_they_hold() -> None:
    features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [1.0, 0.0], [1.0, 0.3]])
    present = torch.tensor([False, True, True, False, True])
    graph = cosine_knn(features, present, k=10)
    assert set(graph.rows.tolist()) | set(graph.cols.tolist()) == {1, 2, 4}
    assert (graph.rows != graph.cols).all()
    features[~present] = float("inf")
    assert torch.equal(cosine_knn(features, present, k=10).to_dense(), graph.to_dense())


def test_opposite_and_zero_features_are_no_neighbours() -> None:
    features = torch.tensor([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    present = torch.tensor([False, True, True, True, True])
    assert cosine_knn(features, present, k=3).n_edges == 0


def test_neighbours_and_their_degree_weights_are_those_computed_by_hand() -> None:
    # angles 0, 60 and 90 degrees: cosines 1/2, 0 and sqrt(3)/2
    angles = torch.deg2rad(torch.tensor([0.0, 0.0, 60.0, 90.0]))
    features = torch.stack([angles.cos(), angles.sin()], dim=1) * torch.tensor(
        [[9.0], [1], [2], [3]]
    )
    graph = cosine_knn(features, torch.tensor([False, True, True, True]), k=1)
    half, close = 0.5, 3**0.5 / 2
    expected = torch.zeros(4, 4)
    expected[1, 2], expected[2, 3], expected[3, 2] = half, close, close
    torch.testing.assert_close(graph.to_dense(), expected)

    # rows sum to half, close, close; column 2 to half + close, column 3 to close
    expected[1, 2] = half / (half * (half + close)) ** 0.5
    expected[2, 3] = close / (close * close) ** 0.5
    expected[3, 2] = close / (close * (half + close)) ** 0.5
    torch.testing.assert_close(normalise_by_degrees(graph).to_dense(), expected)


def test_mixed_precision_changes_no_neighbour() -> None:
    features = torch.randn(200, 16, generator=torch.Generator().manual_seed(0))
    present = torch.ones(200, dtype=torch.bool)
    expected = cosine_knn(features, present, k=5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = cosine_knn(features, present, k=5)
    assert torch.equal(mixed.to_dense(), expected.to_dense())


def test_relabelled_ids_permute_the_graph() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(30, 8, generator=generator)
    present = torch.ones(30, dtype=torch.bool)
    order = torch.randperm(30, generator=generator)
    before = cosine_knn(features, present, k=4).to_dense()
    after = cosine_knn(features[order], present, k=4, block_rows=7).to_dense()
    torch.testing.assert_close(after, before[order][:, order])


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 7), st.integers(1, 5)), max_size=40),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_cooccurrence_knn_is_the_dense_count_for_any_block(
    pairs: list[tuple[int, int]], k: int, block_rows: int
) -> None:
    ids = torch.tensor(pairs, dtype=torch.int64).view(-1, 2)
    interactions = interaction_graph(ids[:, 0], ids[:, 1], 8, 6)
    counts = interactions.to_dense() @ interactions.to_dense().T
    expected = dense_top_k(counts, k, torch.arange(8) > 0)
    graph = cooccurrence_knn(interactions, k, block_rows)
    assert torch.equal(graph.to_dense(), expected)


def test_loops_go_to_present_rows_only() -> None:
    graph = Graph(torch.tensor([1]), torch.tensor([2]), torch.tensor([3.0]), (3, 3))
    looped = with_self_loops(graph, torch.tensor([False, True, True]), weight=0.5)
    expected = [[0.0, 0.0, 0.0], [0.0, 0.5, 3.0], [0.0, 0.0, 0.5]]
    assert looped.to_dense().tolist() == expected
    with pytest.raises(ValueError, match="do not agree"):
        with_self_loops(graph, torch.tensor([True]))


def test_an_impossible_request_is_refused() -> None:
    features, present = torch.ones(3, 2), torch.tensor([False, True, True])
    interactions = interaction_graph(torch.tensor([1]), torch.tensor([1]), 3, 3)
    with pytest.raises(ValueError, match="k is 0"):
        cosine_knn(features, present, k=0)
    with pytest.raises(ValueError, match="k is -1"):
        cooccurrence_knn(interactions, k=-1)
    with pytest.raises(ValueError, match="block_rows is 0"):
        cosine_knn(features, present, k=1, block_rows=0)
    with pytest.raises(ValueError, match=r"expected bool \[3\]"):
        cosine_knn(features, present[:2], k=1)


def test_a_present_row_that_is_not_finite_is_refused() -> None:
    features = torch.tensor([[0.0], [1.0], [float("nan")]])
    with pytest.raises(ValueError, match="expected finite"):
        cosine_knn(features, torch.tensor([False, True, True]), k=1)


def two_rows() -> Graph:
    """Row 0 points at itself with 1 and at row 1 with 3, row 1 at itself with 1."""
    rows, cols = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1])
    return Graph(rows, cols, torch.tensor([1.0, 3.0, 1.0]), (3, 3))


def test_row_sums_divide_on_both_sides() -> None:
    expected = torch.tensor([[1 / 4, 3 / 2, 0], [0, 1, 0], [0, 0, 0]])
    torch.testing.assert_close(normalise_by_row_sums(two_rows()).to_dense(), expected)


def test_an_edge_to_a_row_without_edges_is_dropped() -> None:
    lonely = Graph(torch.tensor([0]), torch.tensor([1]), torch.ones(1), (2, 2))
    assert normalise_by_row_sums(lonely).n_edges == 0


def test_softmax_is_over_the_edges_of_a_row() -> None:
    dense = softmax_by_row(two_rows()).to_dense()
    torch.testing.assert_close(dense[0, :2], torch.tensor([1.0, 3.0]).softmax(0))
    assert dense[1].tolist() == [0.0, 1.0, 0.0]


def test_weighted_sum_adds_what_both_graphs_have() -> None:
    other = Graph(torch.tensor([0, 2]), torch.tensor([1, 2]), torch.ones(2), (3, 3))
    dense = weighted_sum([two_rows(), other], [2.0, 0.5]).to_dense()
    assert dense.tolist() == [[2.0, 6.5, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.5]]
    with pytest.raises(ValueError, match="2 weights do not agree"):
        weighted_sum([other], [1.0, 1.0])


def test_mean_cosine_is_over_the_modalities_that_both_have() -> None:
    """Rows 1 and 2 share both modalities, row 3 has the second one only."""
    first = torch.tensor([[0.0, 0], [3, 0], [3, 4], [0, 0]])  # cos(1, 2) = 3/5
    second = torch.tensor([[0.0, 0], [2, 0], [5, 0], [12, 5]])  # cos(1, 2) = 1, others 12/13
    has_first = torch.tensor([False, True, True, False])
    has_second = torch.tensor([False, True, True, True])
    graph = mean_cosine_knn([first, second], [has_first, has_second], 3).to_dense()
    expected = torch.zeros(4, 4)
    expected[1, 2] = expected[2, 1] = (3 / 5 + 1) / 2
    expected[1, 3] = expected[3, 1] = expected[2, 3] = expected[3, 2] = 12 / 13
    torch.testing.assert_close(graph, expected)


def test_shrinkage_stands_below_each_cosine() -> None:
    features = torch.tensor([[0.0, 0], [3, 0], [3, 4], [0, 0]])  # dot 9, lengths 3 and 5
    present = torch.tensor([False, True, True, True])
    graph = mean_cosine_knn([features], [present], 2, shrink=7.0).to_dense()
    expected = torch.zeros(4, 4)
    expected[1, 2] = expected[2, 1] = 9 / (3 * 5 + 7)
    torch.testing.assert_close(graph, expected)


def test_mean_cosine_does_not_depend_on_the_blocks() -> None:
    generator = torch.Generator().manual_seed(0)
    features = [torch.randn(60, d, generator=generator) for d in (4, 7)]
    present = [torch.rand(60, generator=generator) > 0.3 for _ in features]
    whole = mean_cosine_knn(features, present, 5, 2.0, 60)
    blocks = mean_cosine_knn(features, present, 5, 2.0, 7)
    assert torch.equal(whole.to_dense(), blocks.to_dense())


def test_modalities_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="expected bool"):
        mean_cosine_knn([torch.ones(3, 2)], [torch.ones(2, dtype=torch.bool)], 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5), st.sampled_from([1e-3, 1e-7, 1e-9]))
def test_what_float32_cannot_tell_apart_is_decided_in_float64(
    seed: int, k: int, distance: float
) -> None:
    """60 rows around one direction: more are nearly as near as screening keeps candidates."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.ones(60, 5, dtype=torch.float64)
    features += distance * torch.randn(60, 5, generator=generator, dtype=torch.float64)
    present = torch.ones(60, dtype=torch.bool)
    unit = torch.nn.functional.normalize(features, dim=1)
    expected = dense_top_k((unit @ unit.T).float(), k, present)
    torch.testing.assert_close(
        cosine_knn(features, present, k).to_dense(), expected, rtol=0, atol=0
    )


@pytest.mark.parametrize("d", [3, 400])
def test_the_bound_of_screening_holds(d: int) -> None:
    """With one row of 400 equal numbers, whose rounding errors add up."""
    features = torch.randn(50, d, generator=torch.Generator().manual_seed(0))
    features[0] = 1.1
    cosines = MeanCosines([Unit.of(features, torch.ones(50, dtype=torch.bool), 0.0)])
    off = (
        (
            cosines.screened(slice(50), slice(50)).double()
            - cosines.modalities[0].rows @ cosines.modalities[0].rows.T
        )
        .abs()
        .max()
    )
    assert 0 < off < cosines.error < 1e-4
