"""The user-item graph against values computed by hand."""

import pytest
import torch

from recbole_drepmrec.graph import (
    Graph,
    SparseMatrix,
    interaction_graph,
    mean_by_row,
    normalised_bipartite,
    sample_edges,
)

N_USERS, N_ITEMS = 4, 5


def small() -> Graph:
    """User 1 took items 1 and 2, user 2 took item 2 twice; user 3 and items 3 and 4 nothing."""
    users, items = torch.tensor([2, 1, 2, 1]), torch.tensor([2, 1, 2, 2])
    return interaction_graph(users, items, N_USERS, N_ITEMS)


def test_a_repeated_pair_counts_once() -> None:
    expected = torch.zeros(N_USERS, N_ITEMS)
    expected[1, 1] = expected[1, 2] = expected[2, 2] = 1.0
    assert torch.equal(small().to_dense(), expected)
    assert small().n_edges == 3


def test_degrees_count_distinct_items() -> None:
    assert small().row_sums().tolist() == [0.0, 2.0, 1.0, 0.0]


def test_normalised_weights_are_those_computed_by_hand() -> None:
    expected = torch.zeros(N_USERS + N_ITEMS, N_USERS + N_ITEMS)
    edges = {(1, 1): 1 / (2 * 1) ** 0.5, (1, 2): 1 / (2 * 2) ** 0.5, (2, 2): 1 / (1 * 2) ** 0.5}
    for (user, item), weight in edges.items():
        expected[user, N_USERS + item] = expected[N_USERS + item, user] = weight
    torch.testing.assert_close(normalised_bipartite(small()).to_dense(), expected)


def test_the_normalised_graph_is_symmetric_and_skips_isolated_nodes() -> None:
    graph = normalised_bipartite(small())
    SparseMatrix(graph, symmetric=True)  # refuses any other
    assert set(graph.rows.tolist()) == {1, 2, N_USERS + 1, N_USERS + 2}
    assert graph.weights.isfinite().all()


def test_its_largest_eigenvalue_is_one() -> None:
    spectrum = torch.linalg.eigvalsh(normalised_bipartite(small()).to_dense())
    torch.testing.assert_close(spectrum.max(), torch.tensor(1.0))


def test_relabelled_ids_permute_the_graph() -> None:
    users, items = torch.tensor([2, 1, 2, 1, 3]), torch.tensor([2, 1, 3, 2, 3])
    new_user, new_item = torch.tensor([0, 3, 1, 2]), torch.tensor([0, 4, 3, 1, 2])
    before = normalised_bipartite(interaction_graph(users, items, N_USERS, N_ITEMS)).to_dense()
    after = normalised_bipartite(
        interaction_graph(new_user[users], new_item[items], N_USERS, N_ITEMS)
    ).to_dense()
    node = torch.cat([new_user, N_USERS + new_item])
    torch.testing.assert_close(after[node][:, node], before)


def test_padding_takes_no_part() -> None:
    users, items = torch.tensor([0, 1, 1]), torch.tensor([1, 0, 1])
    graph = interaction_graph(users, items, N_USERS, N_ITEMS)
    assert (graph.rows.tolist(), graph.cols.tolist()) == ([1], [1])


def test_no_interactions_give_an_empty_graph() -> None:
    none = torch.empty(0, dtype=torch.int64)
    graph = normalised_bipartite(interaction_graph(none, none, N_USERS, N_ITEMS))
    assert (graph.n_edges, graph.shape) == (0, (9, 9))


def test_an_unknown_id_is_refused() -> None:
    with pytest.raises(ValueError, match="column ids range from 5 to 5, expected 0 to 4"):
        interaction_graph(torch.tensor([1]), torch.tensor([5]), N_USERS, N_ITEMS)


def test_drawn_edges_are_some_of_the_given_ones_each_once() -> None:
    everything = interaction_graph(*torch.cartesian_prod(*[torch.arange(1, 9)] * 2).T, 9, 9)
    assert everything.n_edges == 64
    for dropped, kept in ((0.0, 64), (0.3, 45), (0.8, 13), (0.99, 1)):
        drawn = sample_edges(everything, dropped)
        assert drawn.n_edges == drawn.coalesced().n_edges == kept
        assert (drawn.to_dense() <= everything.to_dense()).all()


def test_edges_are_drawn_with_the_published_probability() -> None:
    """One edge of three; 1 / sqrt(2), 1 / 2 and 1 / sqrt(2) before scaling to a sum of one."""
    torch.manual_seed(0)
    counts = sum(sample_edges(small(), 0.7).to_dense() for _ in range(4000)) / 4000
    rates = torch.tensor([2**-0.5, 0.5, 2**-0.5])
    expected = rates / rates.sum()
    observed = torch.stack([counts[1, 1], counts[1, 2], counts[2, 2]])
    torch.testing.assert_close(observed, expected, rtol=0, atol=0.03)


def test_mean_by_row_gives_the_mean_of_the_neighbours() -> None:
    values = torch.tensor([[0.0], [3.0], [5.0], [100.0], [100.0]])
    means = SparseMatrix(mean_by_row(small()))(values)
    assert means.squeeze(1).tolist() == [0.0, 4.0, 5.0, 0.0]


def test_edges_to_kept_columns_only() -> None:
    kept = torch.tensor([False, True, False, True, True])
    graph = small().to_columns(kept)
    assert (graph.rows.tolist(), graph.cols.tolist(), graph.shape) == ([1], [1], (4, 5))
