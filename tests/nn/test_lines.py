"""The two lines against values worked out by hand."""

import pytest
import torch
from torch import Tensor

from recbole_drepmrec.graph import (
    Graph,
    SparseMatrix,
    interaction_graph,
)
from recbole_drepmrec.nn import Batch, BehaviorLine, ModalityInputs, ModalLine, ModalOutput

# Users 1 and 2, items 1, 2 and 3; 0 is padding. User 1 took items 1 and 2, user 2 only item 2.
N_USERS, N_ITEMS = 3, 4
R = interaction_graph(torch.tensor([1, 1, 2]), torch.tensor([1, 2, 2]), N_USERS, N_ITEMS)


def graph(edges: dict[tuple[int, int], float], n: int) -> SparseMatrix:
    rows, cols = zip(*edges, strict=True)
    weights = torch.tensor(list(edges.values()))
    return SparseMatrix(Graph(torch.tensor(rows), torch.tensor(cols), weights, (n, n)))


def identity_line(modalities: list[ModalityInputs]) -> ModalLine:
    """A Modal Line of one dimension whose encoders hand the one feature on."""
    line = ModalLine(modalities, R, embedding_size=1, gate="none")
    with torch.no_grad():
        for encoder in line.encoders:
            encoder.gate.projection.weight.fill_(1.0)
    return line


def modality(
    values: list[float], present: list[bool], **graphs: SparseMatrix | None
) -> ModalityInputs:
    features = torch.tensor([[float(value)] for value in values])
    return ModalityInputs("any name. at all", features, torch.tensor(present), **graphs)


ALL = [False, True, True, True]
IMAGE = modality([0, 2, 4, 10], ALL)
TEXT = modality([0, 0, 6, 20], [False, False, True, True])


def column(values: Tensor) -> list[float]:
    return values.squeeze(-1).tolist()


def test_behavior_line_without_layers_is_its_embeddings() -> None:
    line = BehaviorLine(R, 2, n_layers=0)
    users, items = line()
    torch.testing.assert_close(users, line.user_embedding)
    torch.testing.assert_close(items, line.item_embedding)


def test_behavior_line_is_lightgcn_by_hand() -> None:
    line = BehaviorLine(R, 1, n_layers=1)
    with torch.no_grad():
        line.user_embedding.copy_(torch.tensor([[9.0], [1.0], [2.0]]))
        line.item_embedding.copy_(torch.tensor([[9.0], [3.0], [4.0], [5.0]]))
    # Degrees: user 1 two, user 2 one, item 1 one, item 2 two.
    layer_user_1 = 3 / 2**0.5 + 4 / 2
    layer_user_2 = 4 / 2**0.5
    users, items = line()
    assert column(users) == pytest.approx([4.5, (1 + layer_user_1) / 2, (2 + layer_user_2) / 2])
    layer_item_2 = 1 / 2 + 2 / 2**0.5
    assert column(items)[2] == pytest.approx((4 + layer_item_2) / 2)
    assert column(items)[3] == pytest.approx(5 / 2)  # nobody took item 3


def test_users_are_means_of_their_items() -> None:
    output = identity_line([IMAGE])()
    assert column(output.fused.items) == [0, 2, 4, 10]
    assert column(output.fused.users) == [0, 3, 4]


def test_missing_modality_is_dropped_from_the_means() -> None:
    output = identity_line([IMAGE, TEXT])()
    assert column(output.fused.items) == [0, 2, 5, 15]  # item 1 has an image only
    assert column(output.user_means[1]) == [0, 6, 6]  # item 1 is no part of user 1's text
    assert column(output.fused.users) == [0, 4.5, 5]


def test_item_graph_smooths_items_and_users_follow() -> None:
    items = graph({(1, 2): 0.5, (1, 3): 0.1, (2, 1): 1.0}, N_ITEMS)
    output = identity_line([modality([0, 2, 4, 10], ALL, item_graph=items)])()
    assert column(output.fused.items) == [0, 3, 2, 0]
    assert column(output.fused.users) == [0, 2.5, 2]


def test_user_graph_smooths_users() -> None:
    users = graph({(1, 2): 1.0, (2, 1): 0.5, (2, 2): 0.5}, N_USERS)
    output = identity_line([modality([0, 2, 4, 10], ALL, user_graph=users)])()
    assert column(output.fused.users) == [0, 4, 3.5]


@pytest.mark.parametrize("modalities", [[IMAGE], [IMAGE, TEXT]], ids=["one product", "two"])
def test_a_batch_is_given_the_rows_of_all(modalities: list[ModalityInputs]) -> None:
    line = identity_line(modalities)
    batch = Batch.of(torch.tensor([2, 1]), torch.tensor([2, 1]), torch.tensor([3, 1]))
    found, expected = line.of_batch(batch), line().rows(batch)
    assert line.one_product == (len(modalities) == 1)
    torch.testing.assert_close(found.fused, expected.fused)
    torch.testing.assert_close(found.item_views, expected.item_views)
    torch.testing.assert_close(found.user_means, expected.user_means)


@pytest.mark.parametrize("n_layers", [0, 1, 3])
def test_a_batch_is_given_the_rows_of_the_behavior_line(n_layers: int) -> None:
    line = BehaviorLine(R, 2, n_layers)
    batch = Batch.of(torch.tensor([2, 1]), torch.tensor([2, 1]), torch.tensor([3, 1]))
    rows = line.of_batch(batch)
    torch.testing.assert_close(rows.encoded, batch.rows(line()))
    torch.testing.assert_close(rows.initial, batch.rows(line.tables()))


def without_item(line: ModalLine, output: ModalOutput, user: int, item: int) -> float:
    one = Batch.of(torch.tensor([user]), torch.tensor([item]), torch.tensor([item]))
    return (output.fused.users[user] - line.share_of_item(output.rows(one), one)).item()


def test_leave_one_out_by_hand() -> None:
    line = identity_line([IMAGE])
    output = line()
    assert without_item(line, output, 1, 1) == pytest.approx(4)  # item 2 is left
    assert without_item(line, output, 1, 2) == pytest.approx(2)  # item 1 is left
    assert without_item(line, output, 2, 2) == pytest.approx(0)  # nothing is left


def test_leave_one_out_counts_a_modality_the_item_lacks_in_full() -> None:
    line = identity_line([IMAGE, TEXT])
    output = line()
    # Without item 1: image mean 4, text mean 6 as before.
    assert without_item(line, output, 1, 1) == pytest.approx((4 + 6) / 2)


def test_leave_one_out_goes_through_the_user_graph() -> None:
    users = graph({(1, 1): 0.75, (1, 2): 0.25, (2, 2): 1.0}, N_USERS)
    line = identity_line([modality([0, 2, 4, 10], ALL, user_graph=users)])
    # Without item 1 user 1's own mean is 4; user 2's mean of 4 stays.
    assert without_item(line, line(), 1, 1) == pytest.approx(0.75 * 4 + 0.25 * 4)
    # Without item 2 user 1's own mean is 2; user 2 still has item 2.
    assert without_item(line, line(), 1, 2) == pytest.approx(0.75 * 2 + 0.25 * 4)


def test_one_product_gives_what_a_product_a_modality_gives() -> None:
    """Users, and their share of an item, are means over modalities either way."""
    complete = [modality([0, 2, 4, 10], ALL), modality([0, 1, 7, 3], ALL)]
    line = identity_line(complete)
    loops = graph({(0, 0): 1.0, (1, 1): 1.0, (2, 2): 1.0}, N_USERS)  # changes nothing
    one_by_one = identity_line(
        [modality([0, 2, 4, 10], ALL, user_graph=loops), modality([0, 1, 7, 3], ALL)]
    )
    assert line.one_product
    assert not one_by_one.one_product
    output, other = line(), one_by_one()
    torch.testing.assert_close(output.fused, other.fused)
    for user, item in ((1, 1), (1, 2), (2, 2)):
        found = without_item(line, output, user, item)
        assert found == pytest.approx(without_item(one_by_one, other, user, item))


def test_an_item_that_lacks_a_modality_takes_a_product_a_modality() -> None:
    assert not identity_line([IMAGE, TEXT]).one_product


def test_own_table_belongs_to_the_modal_line() -> None:
    line = ModalLine([IMAGE, TEXT], R, embedding_size=3, gate="own")
    assert line.item_table is not None
    items = line().fused.items
    (gradient,) = torch.autograd.grad(items.sum(), line.item_table)
    assert gradient[0].abs().sum() == 0
    assert (gradient[1:].abs().sum(1) > 0).all()


def test_without_a_modality_there_is_no_modal_line() -> None:
    with pytest.raises(ValueError, match="at least one modality"):
        ModalLine([], R, embedding_size=3)


def test_an_item_graph_that_reaches_a_missing_row_is_refused() -> None:
    """Smoothing would fill it, or spread the gate's bias from it."""
    for edge in ((1, 2), (2, 1)):
        reached = modality(
            [0, 0, 6, 20], [False, False, True, True], item_graph=graph({edge: 1.0}, 4)
        )
        with pytest.raises(ValueError, match="'any name. at all' has edges of missing rows"):
            identity_line([reached])
