"""Users' preferences in each modality, learned on the user-item graph, and how users weigh them."""

from collections.abc import Iterable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recbole_drepmrec.graph import SparseMatrix
from recbole_drepmrec.nn.projection import FeatureProjection
from recbole_drepmrec.nn.propagation import light_gcn
from recbole_drepmrec.nn.representations import Representations
from recbole_drepmrec.nn.unit_rows import unit_length


class ModalityGCN(nn.Module):
    """One modality's features, and users' preferences in it, over the user-item graph.

        MLP(F) = LeakyReLU(F W_1 + b_1) W_2 + b_2,   X^(0) = rows of [P; MLP(F)] at length one
        X^(l+1) = D^(-1/2) A D^(-1/2) X^(l),   X = sum over l = 0..L of X^(l)

    P holds a preference a user. An item without the modality starts at zero, and gets what its
    users give it. [ours]

    Args:
        features: Prepared features, frozen, [n_items, d_m].
        present: Whether an item has this modality, [n_items].
        adjacency: D^(-1/2) A D^(-1/2), users first, [n_users + n_items, n_users + n_items].
        embedding_size: d.
        n_layers: L.

    Source: Wang et al., DualGNN, TMM 2021, and Zhou et al., DRAGON, ECAI 2023; the MLP's hidden
        size, 4d, is that of their code.
    """

    def __init__(
        self,
        features: Tensor,
        present: Tensor,
        adjacency: SparseMatrix,
        embedding_size: int,
        n_layers: int,
    ) -> None:
        super().__init__()
        n_users = adjacency.shape[0] - len(features)
        self.adjacency = adjacency
        self.n_layers = n_layers
        self.preferences = nn.Parameter(torch.empty(n_users, embedding_size))
        self.hidden = FeatureProjection(features, present, 4 * embedding_size)
        self.output = nn.Linear(4 * embedding_size, embedding_size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier-uniform, zero bias; the hidden layer starts itself."""
        nn.init.xavier_uniform_(self.preferences)
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self) -> Representations:
        """Return X, split into users [n_users, d] and items [n_items, d]."""
        projected = self.output(F.leaky_relu(self.hidden()))  # [n_items, d]
        items = torch.where(self.hidden.present.unsqueeze(1), projected, 0.0)
        start = (unit_length(rows) for rows in (self.preferences, items))
        mean = light_gcn(self.adjacency, Representations(*start), self.n_layers)
        return Representations(*(rows * (self.n_layers + 1) for rows in mean))


class ModalityPreferences(nn.Module):
    """A GCN a modality, and each user's weights of the modalities.

        alpha_u = softmax(w_u)

    The authors' code of DualGNN and DRAGON takes the softmax once, at the start; here it is always
    taken, so that they stay weights. [ours]

    Args:
        gcns: One a modality.
    """

    gcns: Iterable[ModalityGCN]

    def __init__(self, gcns: Sequence[ModalityGCN]) -> None:
        super().__init__()
        self.gcns = cast(Iterable[ModalityGCN], nn.ModuleList(gcns))
        self.user_weights = nn.Parameter(torch.zeros(len(gcns[0].preferences), len(gcns)))

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return each modality's users, weighed, [n_users, M, d] and items [n_items, M, d]."""
        views = [gcn() for gcn in self.gcns]
        users, items = (torch.stack(rows, dim=1) for rows in zip(*views, strict=True))
        return users * self.user_weights.softmax(1).unsqueeze(-1), items

    def penalty(self, users: Tensor) -> Tensor:
        """Mean squares of a batch's preferences, summed over modalities, and of its weights.

        Args:
            users: User ids, [B].
        """
        rows = [gcn.preferences[users] for gcn in self.gcns] + [self.user_weights[users]]
        return torch.stack([row.pow(2).mean() for row in rows]).sum()
