"""Losses against values worked out by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from recbole_drepmrec.nn import (
    BiasedVectors,
    bpr_loss,
    cosine_distance,
    info_nce,
    softmax_loss,
    squared_norm,
)
from recbole_drepmrec.nn.losses import has_direction


def random_rows(*shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in shapes
    ]


def test_bpr_is_the_mean_of_minus_log_sigmoid_of_the_difference() -> None:
    loss = bpr_loss(torch.tensor([2.0, 0.0]), torch.tensor([1.0, 0.0]))
    expected = (-math.log(1 / (1 + math.exp(-1))) - math.log(0.5)) / 2
    assert loss.item() == pytest.approx(expected)


def test_bpr_stays_finite_where_the_sigmoid_underflows() -> None:
    assert bpr_loss(torch.tensor([-500.0]), torch.tensor([500.0])).item() == pytest.approx(1000.0)


def test_bpr_counts_the_given_pairs_only() -> None:
    positive, negative = torch.tensor([2.0, 0.0, 9.0]), torch.tensor([1.0, 0.0, 0.0])
    counted = torch.tensor([True, True, False])
    torch.testing.assert_close(
        bpr_loss(positive, negative, counted), torch.tensor((0.3132617 + 0.6931472) / 2)
    )
    assert bpr_loss(positive, negative, counted & False) == 0


def test_squared_norm_adds_all_tables_and_halves() -> None:
    users = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    items = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    assert squared_norm(users, items).item() == pytest.approx((5 + 25) / 4)


def test_cosine_distance_ignores_length() -> None:
    users = torch.tensor([[5.0, 0.0], [0.0, 0.1], [1.0, 0.0]])
    items = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-2.0, 0.0]])
    assert cosine_distance(users, items).item() == pytest.approx((0 + 1 + 2) / 3)
    counted = torch.tensor([False, True, True])
    assert cosine_distance(users, items, counted).item() == pytest.approx((1 + 2) / 2)
    assert cosine_distance(users, items, torch.zeros(3, dtype=torch.bool)).item() == 0.0


@pytest.mark.parametrize("counted", [None, torch.tensor([True, False, True, True])])
def test_cosine_distance_and_its_gradients_are_those_of_autograd(counted: Tensor | None) -> None:
    rows = random_rows((4, 3), (4, 3))
    distances = 1 - F.cosine_similarity(*rows)
    expected = distances.mean() if counted is None else distances[counted].mean()
    found = cosine_distance(*rows, counted=counted)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, rows), torch.autograd.grad(expected, rows)
    )


def test_cosine_distance_leaves_a_zero_row_where_it_is() -> None:
    users, items = torch.zeros(1, 3).requires_grad_(), torch.ones(1, 3).requires_grad_()
    loss = cosine_distance(users, items)
    assert loss.item() == 1.0
    for gradient in torch.autograd.grad(loss, (users, items)):
        assert gradient.tolist() == [[0.0, 0.0, 0.0]]


def test_cosine_distance_needs_no_gradient() -> None:
    assert cosine_distance(torch.ones(2, 3), torch.ones(2, 3)).item() == pytest.approx(0, abs=1e-6)


def test_softmax_loss_by_hand() -> None:
    """One user at cosine 1 to the own item, and at 0 and -1 to the others."""
    users, positives = torch.tensor([[3.0, 0.0]]), torch.tensor([[2.0, 0.0]])
    negatives = torch.tensor([[0.0, 5.0], [-1.0, 0.0]])
    positives, negatives = (
        BiasedVectors(*one)
        for one in ((positives, torch.zeros(1)), (negatives, torch.tensor([1.0, 0.5])))
    )
    loss = softmax_loss(users, positives, negatives, temperature=0.5)
    expected = -math.log(math.exp(2) / (math.exp(2) + math.exp(1) + math.exp(-1.5)))
    assert loss.item() == pytest.approx(expected)


@pytest.mark.parametrize("temperature", [0.01, 0.05, 0.2, 5.0])
def test_softmax_loss_and_its_gradients_are_those_of_autograd(temperature: float) -> None:
    rows = random_rows((7, 3), (7, 3), (5, 3), (7,), (5,))
    with torch.no_grad():
        rows[4][0] = 30  # far above the others
    u, p, n = (F.normalize(one, dim=-1) for one in rows[:3])
    own = (u * p).sum(-1) / temperature + rows[3]
    logits = torch.cat([own.unsqueeze(1), u @ n.T / temperature + rows[4]], dim=1)
    expected = F.cross_entropy(logits, torch.zeros(7, dtype=torch.int64))
    positives, negatives = BiasedVectors(rows[1], rows[3]), BiasedVectors(rows[2], rows[4])
    loss = softmax_loss(rows[0], positives, negatives, temperature)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(torch.autograd.grad(loss, rows), torch.autograd.grad(expected, rows))


@pytest.mark.parametrize("temperature", [1e-3, 0.026, 0.2])
@pytest.mark.parametrize("cosine", [-1.0, 1.0])
@pytest.mark.parametrize(
    ("own", "other"), [(0.0, 0.0), (1e4, 0.0), (0.0, 1e4), (1e4, 1e4), (-1e4, -1e4), (0.0, 150.0)]
)
def test_softmax_loss_stays_finite_at_any_temperature(
    temperature: float, own: float, other: float, cosine: float
) -> None:
    """An own item opposite to the user, and another one opposite or in the same direction."""
    rows = [torch.tensor([[one, 0.0]], requires_grad=True) for one in (1.0, -1.0, cosine)]
    biases = [torch.tensor([bias], requires_grad=True) for bias in (own, other)]
    positives, negatives = (BiasedVectors(*one) for one in zip(rows[1:], biases, strict=True))
    loss = softmax_loss(rows[0], positives, negatives, temperature)
    assert loss.isfinite()
    for gradient in torch.autograd.grad(loss, [*rows, *biases]):
        assert gradient.isfinite().all()


def test_softmax_loss_leaves_a_zero_user_where_it_is() -> None:
    users, items = torch.zeros(1, 2).requires_grad_(), torch.eye(2).requires_grad_()
    one, other = (BiasedVectors(row, torch.zeros(1)) for row in items.split(1))
    loss = softmax_loss(users, one, other, temperature=0.2)
    assert loss.item() == pytest.approx(math.log(2))
    for gradient in torch.autograd.grad(loss, (users, items)):
        assert not gradient.any()


def test_softmax_loss_leaves_out_items_of_bias_minus_infinity() -> None:
    users, own, others = torch.randn(3, 2, 4).requires_grad_()
    biases = torch.tensor([0.3, -torch.inf])
    positives = BiasedVectors(own, torch.zeros(2))
    loss = softmax_loss(users, positives, BiasedVectors(others, biases), 0.2)
    expected = softmax_loss(users, positives, BiasedVectors(others[:1], biases[:1]), 0.2)
    torch.testing.assert_close(loss, expected)
    (gradient,) = torch.autograd.grad(loss, others)
    assert gradient[0].any()
    assert gradient[1].tolist() == [0.0] * 4


def test_info_nce_by_hand() -> None:
    queries = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    loss = info_nce(queries, torch.eye(2), temperature=0.5)
    expected = -math.log(math.exp(2) / (math.exp(2) + math.exp(0)))  # logits 1 / 0.5 and 0 / 0.5
    assert loss.item() == pytest.approx(expected)


def test_info_nce_of_one_user_alone_is_zero() -> None:
    rows = torch.randn(1, 3)
    assert info_nce(rows, rows, temperature=0.2).item() == pytest.approx(0.0)


def test_info_nce_of_nobody_is_zero() -> None:
    rows = torch.randn(0, 3, requires_grad=True)
    loss = info_nce(rows, rows, temperature=0.2)
    loss.backward()
    assert loss.item() == 0.0


def test_info_nce_finds_each_query_its_own_key() -> None:
    """Two queries may share a key, which then is no negative of either."""
    keys = torch.tensor([[0.0, 2.0], [1.0, 0.0]])
    queries = torch.tensor([[3.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    loss = info_nce(queries, keys, temperature=1.0, positives=torch.tensor([1, 1, 1]))
    right, wrong = math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))
    assert loss.item() == pytest.approx((right + wrong + right) / 3)


@pytest.mark.parametrize("temperature", [0.01, 0.2])
def test_info_nce_of_the_counted_rows_is_that_of_them_alone(temperature: float) -> None:
    """Also where logits are shifted, as they are below a temperature of 1/40."""
    rows = random_rows((6, 3), (6, 3))
    counted = torch.tensor([True, False, True, True, False, True])
    expected = info_nce(*(one[counted] for one in rows), temperature)
    loss = info_nce(*rows, temperature, counted=counted)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(torch.autograd.grad(loss, rows), torch.autograd.grad(expected, rows))


@pytest.mark.parametrize("temperature", [0.01, 0.2])
def test_info_nce_is_zero_where_nothing_is_counted(temperature: float) -> None:
    rows = torch.randn(4, 3, requires_grad=True)
    loss = info_nce(rows, rows.flip(0), temperature, counted=torch.zeros(4, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0.0
    assert rows.grad is not None
    assert not rows.grad.any()


@pytest.mark.parametrize("positives", [None, torch.tensor([0, 3, 3, 1, 2])])
def test_info_nce_is_torchs_cross_entropy_of_cosines(positives: Tensor | None) -> None:
    """With an own key that is the query's row or not, and logits that overflow without care."""
    queries, keys = random_rows((5, 3), (5, 3))
    own = torch.arange(5) if positives is None else positives
    for temperature in (0.2, 0.001):
        logits = F.normalize(queries, dim=-1) @ F.normalize(keys, dim=-1).T / temperature
        expected = F.cross_entropy(logits, own)
        found = info_nce(queries, keys, temperature, positives)
        torch.testing.assert_close(found, expected)
        for one, other in zip(
            torch.autograd.grad(found, (queries, keys)),
            torch.autograd.grad(expected, (queries, keys)),
            strict=True,
        ):
            torch.testing.assert_close(one, other)


def test_info_nce_finds_own_keys_in_parts_by_their_rows_among_all() -> None:
    queries, keys = random_rows((4, 3), (5, 3))
    positives = torch.tensor([1, 0, 4, 2])
    first = info_nce(queries[:2], keys[:2], 0.2, positives[:2])
    second = info_nce(queries[2:], keys[2:], 0.2, positives[2:] - 2)
    expected = (first + second) / 2
    loss = info_nce(queries, keys, 0.2, positives, parts=[(2, 2), (2, 3)])
    torch.testing.assert_close(loss, expected)
    found, wanted = (torch.autograd.grad(one, (queries, keys)) for one in (loss, expected))
    torch.testing.assert_close(found, wanted)


def test_a_direction_has_who_is_not_zero() -> None:
    rows = torch.tensor([[-1.0, 0.0], [0.0, 0.0], [0.0, 2.0], [torch.nan, 0.0]])
    assert has_direction(rows).tolist() == [True, False, True, True]


def test_info_nce_leaves_fixed_keys_alone() -> None:
    queries, keys = torch.randn(3, 2, requires_grad=True), torch.randn(3, 2)
    info_nce(queries, keys, 0.2).backward()
    assert queries.grad is not None
    assert keys.grad is None


@pytest.mark.parametrize("temperature", [0.01, 0.2])
def test_info_nce_in_parts_is_the_mean_over_all_queries_that_count(temperature: float) -> None:
    rows = random_rows((5, 3), (5, 3))
    counted = torch.tensor([True, True, False, True, True])
    first, second = (
        info_nce(*(one[part] for one in rows), temperature, counted=counted[part])
        for part in (slice(0, 3), slice(3, 5))
    )
    expected = (2 * first + 2 * second) / 4
    loss = info_nce(*rows, temperature, counted=counted, parts=[(3, 3), (2, 2)])
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(torch.autograd.grad(loss, rows), torch.autograd.grad(expected, rows))


@pytest.mark.parametrize("temperature", [0.01, 0.2])
def test_softmax_loss_in_parts_is_the_mean_over_all_pairs(temperature: float) -> None:
    rows = random_rows((5, 3), (5, 3), (7, 3), (5,), (7,))
    users, own, others, own_bias, biases = rows
    first, second = (
        softmax_loss(
            users[pairs],
            BiasedVectors(own[pairs], own_bias[pairs]),
            BiasedVectors(others[drawn], biases[drawn]),
            temperature,
        )
        for pairs, drawn in ((slice(0, 3), slice(0, 2)), (slice(3, 5), slice(2, 7)))
    )
    expected = (3 * first + 2 * second) / 5
    positives, negatives = BiasedVectors(own, own_bias), BiasedVectors(others, biases)
    loss = softmax_loss(users, positives, negatives, temperature, [(3, 2), (2, 5)])
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(torch.autograd.grad(loss, rows), torch.autograd.grad(expected, rows))
