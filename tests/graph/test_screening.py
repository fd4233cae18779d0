"""The highest scores of rows, tile by tile, against those of the whole matrix."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from recbole_drepmrec.graph.screening import Candidates, highest_of_rows


def found_in(matrix: Tensor, most: int, size: int) -> Candidates:
    return highest_of_rows(
        lambda rows, cols: matrix[rows, cols].clone(), len(matrix), most, size, matrix.device
    )


def symmetric(n: int, seed: int) -> Tensor:
    half = torch.randn(n, n, generator=torch.Generator().manual_seed(seed))
    return half + half.T


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 8), st.integers(1, 35), st.integers(0, 99))
def test_they_are_those_of_the_whole_matrix_whatever_the_tiles(
    n: int, most: int, size: int, seed: int
) -> None:
    matrix = symmetric(n, seed)
    found = found_in(matrix, most, size)
    expected = matrix.clone().fill_diagonal_(-torch.inf).topk(min(most, n), dim=1)
    torch.testing.assert_close(found.scores, expected.values, rtol=0, atol=0)
    real = found.scores.isfinite()
    assert torch.equal(found.columns[real], expected.indices[real])


@pytest.mark.parametrize("order", [1.0, -1.0])
def test_scores_that_rise_or_fall_towards_the_last_tile_are_found_as_well(order: float) -> None:
    """Every tile brings better columns than all before it, or none does."""
    rank = order * torch.arange(40.0)
    matrix = rank.unsqueeze(1) + rank
    found = found_in(matrix, 3, 7)
    expected = [39, 38, 37] if order > 0 else [0, 1, 2]
    assert found.columns[20].tolist() == expected


def test_a_tile_and_its_mirror_image_are_made_once() -> None:
    matrix, made = symmetric(12, 0), []

    def tile(rows: slice, cols: slice) -> Tensor:
        made.append((rows.start, cols.start))
        return matrix[rows, cols].clone()

    highest_of_rows(tile, 12, 2, 5, matrix.device)
    assert made == [(0, 0), (0, 5), (0, 10), (5, 5), (5, 10), (10, 10)]
