"""Weights of a graph's edges: normalised, summed over graphs, with loops."""

from collections.abc import Sequence

import torch
from torch import Tensor

from recbole_drepmrec.graph.sparse import Graph


def normalise_by_degrees(graph: Graph) -> Graph:
    """Divide by the true degrees, w_ij / sqrt(r_i c_j) with row sums r and column sums c.

    A kNN graph is not symmetric, so the column sums are not the row sums.

    Args:
        graph: A graph of positive weights, [n, m].

    Source: [ours].
    """
    row_sums, col_sums = graph.row_sums(), graph.transposed().row_sums()
    degrees = row_sums[graph.rows] * col_sums[graph.cols]  # [nnz]
    return Graph(graph.rows, graph.cols, graph.weights / degrees.sqrt(), graph.shape)


def normalise_by_row_sums(graph: Graph) -> Graph:
    """D^(-1/2) S D^(-1/2) with D the row sums of S on both sides, w_ij / sqrt(r_i r_j).

    On a graph that is not symmetric this is not the true normalisation, but the one that LATTICE
    and the models after it state. An edge to a row that has no edge of its own is dropped.

    Args:
        graph: A square graph of positive weights, [n, n].

    Source: Zhang et al., LATTICE, MM 2021.
    """
    row_sums = graph.row_sums()
    degrees = row_sums[graph.rows] * row_sums[graph.cols]  # [nnz]
    kept = degrees > 0
    weights = graph.weights[kept] / degrees[kept].sqrt()
    return Graph(graph.rows[kept], graph.cols[kept], weights, graph.shape)


def softmax_by_row(graph: Graph) -> Graph:
    """Softmax over the weights of each row's edges.

    Args:
        graph: A graph, [n, m].
    """
    highest = torch.full((graph.shape[0],), -torch.inf)
    highest = highest.scatter_reduce(0, graph.rows, graph.weights, "amax")
    exponentials = (graph.weights - highest[graph.rows]).exp()
    unnormalised = Graph(graph.rows, graph.cols, exponentials, graph.shape)
    weights = exponentials / unnormalised.row_sums()[graph.rows]
    return Graph(graph.rows, graph.cols, weights, graph.shape)


def weighted_sum(graphs: Sequence[Graph], weights: Sequence[float]) -> Graph:
    """The graph sum_m w_m S^m.

    Args:
        graphs: S^m, of one shape.
        weights: w_m, one a graph.

    Raises:
        ValueError: No graph, shapes that differ, or another number of weights.
    """
    if not graphs or len({graph.shape for graph in graphs}) != 1 or len(graphs) != len(weights):
        shapes = [graph.shape for graph in graphs]
        raise ValueError(f"graphs of shapes {shapes} and {len(weights)} weights do not agree")
    return Graph(
        torch.cat([graph.rows for graph in graphs]),
        torch.cat([graph.cols for graph in graphs]),
        torch.cat([w * graph.weights for graph, w in zip(graphs, weights, strict=True)]),
        graphs[0].shape,
    ).coalesced()


def with_self_loops(graph: Graph, present: Tensor, weight: float | Tensor = 1.0) -> Graph:
    """Add an edge of the given weight from each present row to itself.

    Args:
        graph: A square graph, [n, n].
        present: Rows that get a loop, bool [n].
        weight: Weight of all loops, or of each row's [n]; added to loops already there.

    Raises:
        ValueError: The graph is not square, or present is not [n].
    """
    n = graph.shape[0]
    if graph.shape != (n, n) or present.shape != (n,):
        raise ValueError(f"graph {graph.shape} and present {tuple(present.shape)} do not agree")
    loops = present.cpu().nonzero().flatten()
    return Graph(
        torch.cat([graph.rows, loops]),
        torch.cat([graph.cols, loops]),
        torch.cat([graph.weights, torch.as_tensor(weight).expand(n)[loops]]),
        graph.shape,
    )
