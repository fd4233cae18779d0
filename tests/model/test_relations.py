"""Relation graphs as the model reads them."""

from pathlib import Path

import torch

from recbole_drepmrec.data.features import PreparedFeatures
from recbole_drepmrec.graph import NeighbourSearch, bipartite_matrix, interaction_graph
from recbole_drepmrec.model.relations import (
    content_neighbours,
    fused_item_graph,
    item_graph,
    modality_adjacency,
    published_item_graph,
    user_graph,
)

SEARCH = NeighbourSearch()


def features(*present: bool) -> PreparedFeatures:
    generator = torch.Generator().manual_seed(0)
    mask = torch.tensor(present)
    values = torch.randn(len(present), 3, generator=generator) * mask.unsqueeze(1)
    return PreparedFeatures(values, mask, None)


def test_items_without_the_modality_have_no_edge() -> None:
    graph = item_graph(features(False, True, True, False, True), 3, True, SEARCH).to_dense()
    assert graph[[0, 3]].abs().sum() == 0
    assert graph[:, [0, 3]].abs().sum() == 0


def test_users_without_the_modality_have_no_edge() -> None:
    """User 3's only item lacks the modality: sharing it with user 1 is no reason to lend a zero."""
    users, items = torch.tensor([1, 1, 2, 3]), torch.tensor([1, 2, 1, 2])
    interactions = interaction_graph(users, items, 4, 3)
    prepared = features(False, True, False)
    for kind in ("knn", "cooccurrence"):
        graph = user_graph(kind, prepared, interactions, 2, True, SEARCH)
        assert graph is not None
        dense = graph.to_dense()
        assert dense[3].abs().sum() == 0
        assert dense[:, 3].abs().sum() == 0
        assert dense[1, 2] > 0


def test_published_item_graph_counts_the_item_itself() -> None:
    """Unit vectors at 0, 60 and 90 degrees: the cosines are .5, 0 and .866."""
    angles = torch.tensor([0.0, 60.0, 90.0]).deg2rad()
    values = torch.cat([torch.zeros(1, 2), torch.stack([angles.cos(), angles.sin()], dim=1)])
    prepared = PreparedFeatures(values, torch.tensor([False, True, True, True]), None)
    binary = published_item_graph(prepared, 2, True, SEARCH).to_dense()
    half = torch.tensor([[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0.5, 0.5]])
    torch.testing.assert_close(binary[1:, 1:], half)
    assert binary[0].abs().sum() == binary[:, 0].abs().sum() == 0
    weighted = published_item_graph(prepared, 2, False, SEARCH).to_dense()
    torch.testing.assert_close(weighted[1, 2], torch.tensor(0.5 / (1.5 * 1.8660254) ** 0.5))
    alone = published_item_graph(prepared, 1, False, SEARCH).to_dense()
    torch.testing.assert_close(alone, torch.diag(torch.tensor([0.0, 1, 1, 1])))


def test_fused_item_graph_weighs_the_modalities_an_item_has() -> None:
    """Item 3 lacks the image: its row is the text's alone, and no image edge leads to it."""
    image, text = features(False, True, True, False), features(False, True, True, True)
    one, other = (published_item_graph(f, 2, True, SEARCH).to_dense() for f in (image, text))
    fused = fused_item_graph({"image": image, "text": text}, {"text": 9, "image": 1}, 2, SEARCH)
    expected = 0.1 * one + 0.9 * other
    expected[3] = other[3]
    torch.testing.assert_close(fused.to_dense(), expected)
    torch.testing.assert_close(fused.row_sums(), torch.tensor([0.0, 1.0, 1.0, 1.0]))
    equal = fused_item_graph({"image": image, "text": text}, None, 2, SEARCH).to_dense()
    torch.testing.assert_close(equal[1], (one[1] + other[1]) / 2)


def test_a_modality_of_weight_zero_counts_for_nothing() -> None:
    image, text = features(False, True, False, True), features(False, True, True, False)
    fused = fused_item_graph({"image": image, "text": text}, {"image": 1.0, "text": 0.0}, 2, SEARCH)
    torch.testing.assert_close(
        fused.to_dense(), published_item_graph(image, 2, True, SEARCH).to_dense()
    )


def test_content_neighbours_are_kept_by_all_that_they_depend_on(tmp_path: Path) -> None:
    one, other = features(False, True, True, True), features(False, True, False, True)
    search = NeighbourSearch(tmp_path)
    built = content_neighbours([one, other], 2, 1.0, search)
    assert len(list(tmp_path.iterdir())) == 1
    again = content_neighbours([one, other], 2, 1.0, search)
    assert torch.equal(built.to_dense(), again.to_dense())
    assert len(list(tmp_path.iterdir())) == 1
    for modalities, k, shrink in (([one], 2, 1.0), ([one, other], 1, 1.0), ([one, other], 2, 2.0)):
        content_neighbours(modalities, k, shrink, search)
    assert len(list(tmp_path.iterdir())) == 4


def test_interactions_with_items_that_lack_the_modality_are_no_edges() -> None:
    """User 1 took items 1 and 2, user 2 item 2; without item 2 one pair of degree one is left."""
    users, items = torch.tensor([1, 1, 2]), torch.tensor([1, 2, 2])
    interactions = interaction_graph(users, items, 3, 4)
    whole = bipartite_matrix(interactions)
    some = modality_adjacency(interactions, torch.tensor([False, True, False, True]), whole)
    expected = torch.zeros(7, 7)
    expected[1, 4] = expected[4, 1] = 1.0
    torch.testing.assert_close(some(torch.eye(7)), expected)
    seen = torch.tensor([False, True, True, False])  # nobody took item 3
    assert modality_adjacency(interactions, seen, whole) is whole
