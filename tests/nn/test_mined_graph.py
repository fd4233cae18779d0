"""LATTICE's item graph against its dense definition and values worked out by hand."""

import torch
from torch import Tensor

from recbole_drepmrec.graph import Graph, SparseMatrix
from recbole_drepmrec.nn import FeatureProjection, MinedItemGraph, ModalityGraph

N, D = 9, 3


def modality(present: list[bool], k: int, skip_weight: float, seed: int = 0) -> ModalityGraph:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.tensor(present)
    features = torch.randn(len(mask), 5, generator=generator) * mask.unsqueeze(1)
    ones = torch.ones(int(mask.sum()))
    own = mask.nonzero().flatten()
    raw = Graph(own, own, ones, (len(mask), len(mask)))  # each item for itself
    graph = ModalityGraph(FeatureProjection(features, mask, D), raw, k, skip_weight)
    with torch.no_grad():
        weight = graph.projection.linear.weight
        weight.copy_(torch.randn(weight.shape, generator=generator))
    return graph


def dense_mined(graph: ModalityGraph) -> Tensor:
    """The plain definition, all pairs at once and differentiable."""
    unit = torch.nn.functional.normalize(graph.projection(), dim=1)
    cosines = unit @ unit.T
    kept = torch.zeros_like(cosines)
    kept.scatter_(1, cosines.topk(graph.k, dim=1).indices, 1.0)
    kept = kept * (cosines > 0)
    kept = kept * graph.projection.present[:, None] * graph.projection.present
    similar = cosines * kept
    sums = similar.sum(1)
    return similar / (sums[:, None] * sums).where(kept > 0, 1.0).sqrt()


def test_mined_graph_and_its_gradient_are_those_of_the_dense_definition() -> None:
    graph = modality([False, *[True] * (N - 1)], 4, 0.0)
    weight = graph.projection.linear.weight
    target = torch.randn(N, N, generator=torch.Generator().manual_seed(1))
    found, expected = graph.mined().to_dense(), dense_mined(graph)
    torch.testing.assert_close(found, expected)
    assert (found > 0).sum(1).max() == 4
    torch.testing.assert_close(
        torch.autograd.grad((found * target).sum(), weight)[0],
        torch.autograd.grad((expected * target).sum(), weight)[0],
    )


def test_the_raw_graph_has_its_share() -> None:
    graph = modality([False, True, True, True], 2, 0.75)
    expected = 0.25 * graph.mined().to_dense() + 0.75 * torch.diag(torch.tensor([0.0, 1, 1, 1]))
    torch.testing.assert_close(graph().to_dense(), expected)


def test_modalities_are_weighed_by_a_softmax_over_those_an_item_has() -> None:
    """exp(log 3) to 1 is .75 to .25; items 2 and 3 have one modality each, item 4 none."""
    first = modality([False, True, True, False, False], 2, 1.0)
    second = modality([False, True, False, True, False], 2, 1.0)
    both = MinedItemGraph([first, second])
    with torch.no_grad():
        both.importance[0] = torch.tensor(3.0).log()
    expected = torch.tensor([[0, 0], [0.75, 0.25], [1, 0], [0, 1], [0, 0]])
    torch.testing.assert_close(both.shares(), expected)
    torch.testing.assert_close(
        both().to_dense(), torch.diag(torch.tensor([0.0, 1.0, 1.0, 1.0, 0.0]))
    )


def test_an_item_without_a_modality_leaves_the_gradient_finite() -> None:
    both = MinedItemGraph([modality([False, True, True, False], 2, 0.5, seed) for seed in (0, 1)])
    both().product(torch.randn(4, 2)).pow(2).sum().backward()
    for parameter in both.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


def test_a_frozen_copy_gives_the_same_product_without_a_gradient() -> None:
    graph = MinedItemGraph([modality([False, *[True] * (N - 1)], 4, 0.5)])()
    x = torch.randn(N, 2)
    kept = SparseMatrix(graph)
    torch.testing.assert_close(kept(x), graph.product(x))
    assert not kept(x).requires_grad
