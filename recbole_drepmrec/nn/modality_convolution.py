"""Graph convolution over one modality's user-item graph, with the ID embeddings as a bridge."""

from collections.abc import Iterable
from typing import Literal, cast, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recbole_drepmrec.graph import SparseMatrix
from recbole_drepmrec.nn.representations import Representations

Combination = Literal["sum", "concat"]
"""Neighbourhood and own vector added element by element, or one beside the other."""


class ModalityLayer(nn.Module):
    """One layer of aggregation and combination. [paper]

        h  = LeakyReLU( mean_{j in N} W1 x_j )
        x^ = LeakyReLU( W2 x ) + x_id
        x' = LeakyReLU( W3 h + x^ )          ``sum``
             LeakyReLU( W3 [h ; x^] )        ``concat``

    A node without a neighbour has h = 0.

    Args:
        input_size: Size of x.
        embedding_size: d, of x' and x_id.
        combination: ``sum`` or ``concat``.

    Raises:
        ValueError: ``combination`` is neither.

    Source: Wei et al., MMGCN, MM 2019.
    """

    def __init__(self, input_size: int, embedding_size: int, combination: Combination) -> None:
        super().__init__()
        if combination not in get_args(Combination):
            known = ", ".join(get_args(Combination))
            raise ValueError(f"combination {combination!r} is not one of {known}")
        self.combination = combination
        self.neighbours = nn.Linear(input_size, embedding_size, bias=False)  # W1
        self.own = nn.Linear(input_size, embedding_size)  # W2
        wide = 2 if combination == "concat" else 1
        self.combine = nn.Linear(wide * embedding_size, embedding_size)  # W3
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier-uniform weights, zero biases."""
        for linear in (self.neighbours, self.own, self.combine):
            nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(self.own.bias)
        nn.init.zeros_(self.combine.bias)

    def forward(self, x: Tensor, others: Tensor, mean: SparseMatrix, ids: Tensor) -> Tensor:
        """Return x' of one side of the graph, [n, d].

        Args:
            x: Vectors of this side, [n, input_size].
            others: Vectors of the other side, [m, input_size].
            mean: Means over this side's neighbours on the other, [n, m].
            ids: ID embeddings of this side, [n, d].
        """
        near = F.leaky_relu(mean(self.neighbours(others)))
        own = F.leaky_relu(self.own(x)) + ids
        if self.combination == "concat":
            return F.leaky_relu(self.combine(torch.cat([near, own], dim=-1)))
        return F.leaky_relu(self.combine(near) + own)


class ModalityConvolution(nn.Module):
    """Layers of one modality, whose weights users and items share. [paper]

    Args:
        to_users: Means over each user's items, [n_users, n_items].
        to_items: Means over each item's users, [n_items, n_users].
        input_size: Size of the first layer's input.
        embedding_size: d.
        n_layers: Layers, one or more.
        combination: ``sum`` or ``concat``.
    """

    layers: Iterable[ModalityLayer]

    def __init__(
        self,
        to_users: SparseMatrix,
        to_items: SparseMatrix,
        input_size: int,
        embedding_size: int,
        n_layers: int,
        combination: Combination,
    ) -> None:
        super().__init__()
        self.to_users = to_users
        self.to_items = to_items
        sizes = [input_size] + [embedding_size] * (n_layers - 1)
        layers = [ModalityLayer(size, embedding_size, combination) for size in sizes]
        self.layers = cast(Iterable[ModalityLayer], nn.ModuleList(layers))

    def forward(self, initial: Representations, ids: Representations) -> Representations:
        """Return the last layer's users [n_users, d] and items [n_items, d].

        Args:
            initial: Users' preferences [n_users, input_size], items' features in the same size.
            ids: ID embeddings, users [n_users, d] and items [n_items, d].
        """
        users, items = initial
        for layer in self.layers:
            users, items = (
                layer(users, items, self.to_users, ids.users),
                layer(items, users, self.to_items, ids.items),
            )
        return Representations(users, items)
