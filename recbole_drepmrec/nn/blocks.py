"""Vectors in blocks of equal width, each brought to a length of its own. [ours]

A model that ranks by cosines adds up those of its blocks: one block where the lines are fused
before they rank, a behavior and a modal one where each ranks by itself. With users and items at the
lengths w_k, block k counts w_k^2 times:

    <u, i> = sum over blocks k of w_k^2 cos(u_k, i_k)

An item that is zero in the first block of several, that of the Behavior Line, had no interaction in
training. The others count for all: their w_k are (sum of all w^2) / (sum of theirs) times as large.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from recbole_drepmrec.nn.representations import Representations
from recbole_drepmrec.nn.unit_rows import SHORTEST


def lengths_of(vectors: Representations, weights: Sequence[float]) -> Representations:
    """What the blocks of users [n_users, B] and items [n_items, B] are divided by; never zero.

    Args:
        vectors: Users [n_users, D] and items [n_items, D].
        weights: w_k of each of the B blocks.
    """
    return Representations(
        lengths_of_users(vectors.users, weights), lengths_of_items(vectors.items, weights)
    )


def lengths_of_users(users: Tensor, weights: Sequence[float]) -> Tensor:
    """What the blocks of users are divided by, [n_users, B]; never zero.

    Args:
        users: Shape [n_users, D].
        weights: w_k of each of the B blocks.
    """
    lengths = _blocks(users, len(weights)).norm(dim=2).clamp(min=SHORTEST)
    divisors: Tensor = lengths / lengths.new_tensor(weights)
    return divisors


def lengths_of_items(items: Tensor, weights: Sequence[float]) -> Tensor:
    """What the blocks of items are divided by, [n_items, B]; never zero.

    Args:
        items: Shape [n_items, D].
        weights: w_k of each of the B blocks.
    """
    lengths = lengths_of_users(items, weights)
    if len(weights) == 1:
        return lengths
    squares = items.new_tensor(weights).square()
    share = squares[1:].sum() / squares.sum()
    untrained = ~_blocks(items, len(weights))[:, 0].any(1, keepdim=True)
    return torch.where(untrained, share * lengths, lengths)


def divided(vectors: Tensor, lengths: Tensor) -> Tensor:
    """Vectors with their blocks divided, [n, D].

    Args:
        vectors: Shape [n, D].
        lengths: Shape [n, B].
    """
    return (_blocks(vectors, lengths.shape[1]) / lengths.unsqueeze(2)).flatten(1)


def multiplied(vectors: Tensor, lengths: Tensor) -> Tensor:
    """What ``divided`` was given, [n, D].

    Args:
        vectors: Shape [n, D].
        lengths: Shape [n, B].
    """
    return divided(vectors, 1 / lengths)


def _blocks(vectors: Tensor, n_blocks: int) -> Tensor:
    return vectors.reshape(len(vectors), n_blocks, vectors.shape[1] // n_blocks)
