"""How much of the features' similarity representations keep: what forgetting is measured by."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

NEIGHBOURS = 10
SAMPLED_ITEMS = 500
SEED = 0

BLOCK_SCORES = 2**22
"""Cosines held at a time: 16 MiB of float32."""

BLOCK_COLUMNS = 512
SAMPLE_BLOCK = 64

TIE = 1e-6
"""Cosines that differ by less are equal."""


class SimilarityKept(NamedTuple):
    """How alike two sets of rows see their items.

    Attributes:
        cka: Linear CKA, 0 to 1.
        overlap: Share of the nearest neighbours that are nearest by the features too, 0 to 1.
    """

    cka: float
    overlap: float


class SimilarityTracker:
    """Compares one modality's representations with its features, epoch after epoch. [ours]

    Both are scaled to rows of length one first, so that only cosines count, as in SSS. What depends
    on the features alone is worked out once. An item whose features are zero (padding, or missing)
    has no part.

    Args:
        features: Prepared original features, missing rows zero, shape [n_items, d_m].
    """

    def __init__(self, features: Tensor) -> None:
        self.ids = features.norm(dim=-1).nonzero().squeeze(-1)
        self.features = F.normalize(features[self.ids], dim=-1)
        generator = torch.Generator().manual_seed(SEED)
        drawn = torch.randperm(len(self.ids), generator=generator)[:SAMPLED_ITEMS]
        self.sample = drawn.to(features.device)
        self.k = min(NEIGHBOURS, len(self.ids) - 1)
        if self.k > 0:
            self.own = gram_norm(_centred(self.features))
            neighbours = nearest(self.features, self.sample, self.k)
            self.threshold = cosines(self.features, self.sample, neighbours).amin(1)  # [s]

    def __call__(self, representations: Tensor) -> SimilarityKept | None:
        """Measure one epoch's representations; None where fewer than two items have features.

        Args:
            representations: The modality's item representations, shape [n_items, d].
        """
        if self.k < 1:
            return None
        rows = F.normalize(representations[self.ids], dim=-1)
        found = nearest(rows, self.sample, self.k)
        return SimilarityKept(
            linear_cka(rows, self.features, self.own),
            overlap(cosines(self.features, self.sample, found), self.threshold),
        )


def linear_cka(x: Tensor, y: Tensor, y_norm: float | None = None) -> float:
    """Linear centred kernel alignment of two sets of rows; 0 where one of them is constant.

        CKA = || Y^T X ||_F^2 / ( ||X^T X||_F ||Y^T Y||_F ),   columns of X and Y centred

    which is the cosine of the centred X X^T and Y Y^T, without either n x n matrix: time
    O(n d d_m). It is 1 for a rotated or scaled copy.

    Args:
        x: Shape [n, d].
        y: Shape [n, d_m].
        y_norm: ||Y^T Y||_F of the centred Y, if it is known.

    Source: Kornblith et al., Similarity of Neural Network Representations Revisited, ICML 2019.
    """
    x, y = _centred(x), _centred(y)
    cross = float((y.T @ x).pow(2).sum())  # [d_m, d]
    norms = gram_norm(x) * (gram_norm(y) if y_norm is None else y_norm)
    return cross / norms if norms > 0 else 0.0


def gram_norm(rows: Tensor) -> float:
    """||X^T X||_F, some columns at a time.

    Args:
        rows: X, shape [n, d].
    """
    blocks = (rows.T @ block for block in torch.split(rows, BLOCK_COLUMNS, dim=1))  # [d, block]
    return math.sqrt(sum(float(block.pow(2).sum()) for block in blocks))


def nearest(rows: Tensor, sample: Tensor, k: int) -> Tensor:
    """The k rows of the highest cosine with each sampled row, itself left out.

    Args:
        rows: Rows of length one, shape [n, d].
        sample: Positions of the sampled rows, shape [s].
        k: Neighbours, below n.

    Returns:
        Positions, shape [s, k].
    """
    step = max(1, BLOCK_SCORES // len(rows))
    found = []
    for ids in torch.split(sample, step):
        cosines = rows[ids] @ rows.T  # [step, n]
        cosines[torch.arange(len(ids), device=ids.device), ids] = -torch.inf
        found.append(cosines.topk(k, dim=1).indices)
    return torch.cat(found)


def cosines(rows: Tensor, sample: Tensor, others: Tensor) -> Tensor:
    """Cosines of sampled rows with some others.

    Args:
        rows: Rows of length one, shape [n, d].
        sample: Positions of the sampled rows, shape [s].
        others: Positions of their others, shape [s, k].

    Returns:
        Shape [s, k].
    """
    pairs = zip(torch.split(sample, SAMPLE_BLOCK), torch.split(others, SAMPLE_BLOCK), strict=True)
    return torch.cat([(rows[o] @ rows[s].unsqueeze(2)).squeeze(2) for s, o in pairs])


def overlap(found: Tensor, threshold: Tensor) -> float:
    """Mean share of neighbours that are as near by the features as the k nearest are.

    Of items that are equally near, any will do: features of few different values have many, and
    which of them a list names says nothing.

    Args:
        found: The features' cosines with the neighbours found, shape [s, k].
        threshold: The features' cosine with the k-th nearest, shape [s].
    """
    return float((found >= threshold.unsqueeze(1) - TIE).float().mean())


def _centred(rows: Tensor) -> Tensor:
    return rows - rows.mean(dim=0)
