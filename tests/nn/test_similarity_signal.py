"""SSS: the Gram form is the dense form, and sampling is unbiased."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from recbole_drepmrec.nn import SignalKind, SimilaritySupervisedSignal


def dense_loss(representations: Tensor, features: Tensor) -> Tensor:
    """The definition, with the |I| x |I| matrices."""
    present = features.norm(dim=1) > 0
    h = F.normalize(representations[present], dim=1)
    f = F.normalize(features[present], dim=1)
    return (h @ h.T - f @ f.T).pow(2).sum() / len(h) ** 2


def random_case(seed: int, n_items: int, d: int, d_m: int, missing: int) -> tuple[Tensor, Tensor]:
    """Representations and features whose first row and ``missing`` more rows are absent."""
    generator = torch.Generator().manual_seed(seed)
    representations = torch.randn(n_items, d, generator=generator, dtype=torch.float64)
    features = torch.randn(n_items, d_m, generator=generator, dtype=torch.float64)
    for rows in (representations, features):
        rows[: 1 + missing] = 0
    return representations.requires_grad_(), features


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    n_items=st.integers(4, 30),
    d=st.integers(1, 12),
    d_m=st.integers(1, 12),
    missing=st.integers(0, 2),
)
def test_gram_is_dense_in_value_and_gradient(
    seed: int, n_items: int, d: int, d_m: int, missing: int
) -> None:
    representations, features = random_case(seed, n_items, d, d_m, missing)
    gram = SimilaritySupervisedSignal(features)(representations)
    dense = dense_loss(representations, features)
    torch.testing.assert_close(gram, dense)
    gradients = [torch.autograd.grad(loss, representations)[0] for loss in (gram, dense)]
    torch.testing.assert_close(*gradients)


def test_loss_is_zero_where_all_similarities_are_kept() -> None:
    features = torch.randn(9, 4, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64)).Q
    loss = SimilaritySupervisedSignal(features)(5 * features @ rotation)
    assert loss.item() == pytest.approx(0.0, abs=1e-12)


def test_by_hand() -> None:
    """Orthogonal features, equal representations: both off-diagonal cosines are off by one."""
    features = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    representations = torch.tensor([[0.0], [3.0], [4.0]])
    loss = SimilaritySupervisedSignal(features)(representations)
    assert loss.item() == pytest.approx(2 / 4)


def test_sampled_is_unbiased_for_the_off_diagonal_mean() -> None:
    representations, features = random_case(3, 40, 6, 5, missing=2)
    n = 37
    mean = dense_loss(representations, features) * n**2 / (n * (n - 1))
    signal = SimilaritySupervisedSignal(features, "sampled", samples=8)
    torch.manual_seed(0)
    draws = torch.stack([signal(representations).detach() for _ in range(1500)])
    error = draws.std() / len(draws) ** 0.5
    assert abs(draws.mean() - mean.detach()) < 4 * error


def test_sampling_everything_is_the_off_diagonal_mean_exactly() -> None:
    representations, features = random_case(5, 12, 4, 4, missing=0)
    signal = SimilaritySupervisedSignal(features, "sampled", samples=100)
    expected = dense_loss(representations, features) * 11**2 / (11 * 10)
    torch.testing.assert_close(signal(representations), expected)


def test_missing_rows_have_no_part() -> None:
    """Features of absent items may be anything once they are zero: only present ones count."""
    representations, features = random_case(1, 10, 4, 4, missing=3)
    part = SimilaritySupervisedSignal(features[4:])(representations[4:])
    torch.testing.assert_close(SimilaritySupervisedSignal(features)(representations), part)


def test_unit_features_are_not_copied() -> None:
    features = F.normalize(torch.randn(6, 3), dim=1)
    assert SimilaritySupervisedSignal(features).target.values.data_ptr() == features.data_ptr()


def test_bad_settings_are_refused() -> None:
    features = torch.randn(4, 2)
    with pytest.raises(ValueError, match="'dense' is not one of gram, sampled"):
        SimilaritySupervisedSignal(features, "dense")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a pair takes two"):
        SimilaritySupervisedSignal(features, "sampled", samples=1)


@pytest.mark.parametrize("kind", ["gram", "sampled"])
def test_one_item_alone_gives_no_signal(kind: SignalKind) -> None:
    features = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    representations = torch.ones(2, 3, requires_grad=True)
    loss = SimilaritySupervisedSignal(features, kind)(representations)
    assert loss.item() == 0
    assert torch.autograd.grad(loss, representations)[0].abs().sum() == 0


def test_an_item_at_the_mean_of_all_features_has_no_part() -> None:
    """Centring leaves it a zero row, with no direction, but its representation is not zero."""
    features = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    representations = torch.randn(3, 4)
    moved = representations.clone()
    moved[0] += 1
    signal = SimilaritySupervisedSignal(features)
    torch.testing.assert_close(signal(moved), signal(representations))


def test_an_item_without_features_has_no_part_whatever_its_representation() -> None:
    """Beside padding in row 0, which is zero in both."""
    features, representations = torch.randn(5, 3), torch.randn(5, 2)
    features[0] = features[2] = representations[0] = 0
    others = torch.tensor([0, 1, 3, 4])
    signal = SimilaritySupervisedSignal(features)
    expected = SimilaritySupervisedSignal(features[others])(representations[others])
    torch.testing.assert_close(signal(representations), expected)
