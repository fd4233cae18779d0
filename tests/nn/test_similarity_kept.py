"""What representations keep of the features: CKA against its definition, neighbours by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from recbole_drepmrec.nn import SimilarityTracker
from recbole_drepmrec.nn import similarity_kept as module
from recbole_drepmrec.nn.similarity_kept import cosines, gram_norm, linear_cka, nearest, overlap


def direct_cka(x: Tensor, y: Tensor) -> float:
    """The definition, with the centred n x n Gram matrices."""
    centring = torch.eye(len(x), dtype=x.dtype) - 1 / len(x)
    one, other = (centring @ rows @ rows.T @ centring for rows in (x, y))
    return float((one * other).sum() / (one.norm() * other.norm()))


def normal(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000), n=st.integers(3, 20), d=st.integers(1, 9), d_m=st.integers(1, 9)
)
def test_cka_is_that_of_the_centred_gram_matrices(seed: int, n: int, d: int, d_m: int) -> None:
    x, y = normal(seed, n, d), normal(seed + 1, n, d_m) + 3
    assert linear_cka(x, y) == pytest.approx(direct_cka(x, y))
    centred = y - y.mean(0)
    assert linear_cka(x, y, gram_norm(centred)) == pytest.approx(direct_cka(x, y))


def test_cka_by_hand() -> None:
    """Centred, x is (-1, 0, 1) and y is (0, 1, -1): <x, y>^2 / (<x, x> <y, y>) = 1 / 4."""
    x = torch.tensor([[1.0], [2.0], [3.0]])
    y = torch.tensor([[5.0], [6.0], [4.0]])
    assert linear_cka(x, y) == pytest.approx(1 / 4)


def test_cka_of_a_rotated_scaled_moved_copy_is_one() -> None:
    x = normal(0, 12, 5)
    rotation = torch.linalg.qr(normal(1, 5, 5)).Q
    assert linear_cka(x, 4 * x @ rotation + 7) == pytest.approx(1)


def test_cka_of_equal_rows_is_zero() -> None:
    assert linear_cka(torch.ones(4, 2), normal(0, 4, 3).float()) == 0


def test_gram_norm_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = normal(2, 6, 7)
    monkeypatch.setattr(module, "BLOCK_COLUMNS", 3)
    assert gram_norm(rows) == pytest.approx(float((rows.T @ rows).norm()))


# Unit vectors at these degrees: 0 and 10 are near each other, 90 and 95 are, 40 lies between.
DEGREES = torch.tensor([0.0, 10.0, 40.0, 90.0, 95.0])


def circle(degrees: Tensor) -> Tensor:
    angles = torch.deg2rad(degrees)
    return torch.stack([angles.cos(), angles.sin()], dim=1)


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_nearest_by_hand(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(module, "BLOCK_SCORES", block)
    found = nearest(circle(DEGREES), torch.tensor([0, 2, 4]), 2)
    assert found.tolist() == [[1, 2], [1, 0], [3, 2]]


def test_overlap_by_hand() -> None:
    """Both neighbours of the first are near enough, one of the second, none of the third."""
    found = torch.tensor([[0.9, 0.8], [0.2, 0.9], [0.1, 0.2]])
    assert overlap(found, torch.tensor([0.8, 0.5, 0.3])) == pytest.approx(3 / 6)


def test_cosines_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE_BLOCK", 1)
    found = cosines(circle(DEGREES), torch.tensor([0, 3]), torch.tensor([[2, 3], [0, 4]]))
    expected = torch.deg2rad(torch.tensor([[40.0, 90.0], [90.0, 5.0]])).cos()
    torch.testing.assert_close(found, expected)


def test_of_items_equally_near_any_will_do() -> None:
    """Features of three kinds of 20 items; the representations know the kinds, in another order."""
    kinds = torch.eye(3).repeat_interleave(20, 0)
    representations = kinds + 0.01 * normal(0, 60, 3).float()
    for order in (torch.arange(60), torch.randperm(60, generator=torch.Generator().manual_seed(1))):
        kept = SimilarityTracker(kinds[order])(representations[order])
        assert kept is not None
        assert kept.overlap == 1.0


def test_tracker_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest of 0, 10, 40, 90, 95 degrees are 1, 0, 1, 4, 3; with 80 for 40, 1, 0, 3, 4, 3."""
    monkeypatch.setattr(module, "NEIGHBOURS", 1)
    features = torch.cat([torch.zeros(1, 2), circle(DEGREES)])  # row 0 is padding
    moved = torch.tensor([0.0, 10.0, 80.0, 90.0, 95.0])
    representations = torch.cat([torch.full((1, 2), 9.0), 3 * circle(moved)])
    kept = SimilarityTracker(features)(representations)
    assert kept is not None
    assert kept.overlap == pytest.approx(4 / 5)
    assert kept.cka == pytest.approx(direct_cka(circle(moved), circle(DEGREES)), abs=1e-5)


def test_tracker_of_a_rotated_copy() -> None:
    features = normal(3, 40, 6)
    rotation = torch.linalg.qr(normal(4, 6, 6)).Q
    kept = SimilarityTracker(features)(2 * features @ rotation)
    assert kept == (pytest.approx(1), 1)


def test_tracker_draws_the_same_items_each_time_and_no_global_random_number() -> None:
    features = normal(5, 600, 4)
    state = torch.get_rng_state()
    one, other = SimilarityTracker(features), SimilarityTracker(features)
    assert torch.equal(torch.get_rng_state(), state)
    assert len(one.sample) == 500
    assert torch.equal(one.sample, other.sample)


def test_one_item_alone_has_no_neighbours() -> None:
    features = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    assert SimilarityTracker(features)(torch.ones(2, 3)) is None
