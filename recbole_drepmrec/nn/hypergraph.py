"""Hypergraphs of what items look like: users and items that share an attribute meet in an edge."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recbole_drepmrec.graph import SparseMatrix
from recbole_drepmrec.nn.representations import Representations


class HypergraphPassing(nn.Module):
    """Message passing over the learnt hyperedges of one modality. [paper]

        H_I = softmax( (F V^T + noise) / t ),   H_U = softmax( (R F V^T + noise) / t )
        E_I <- drop(H_I) drop(H_I)^T E_I,       E_U <- drop(H_U) drop(H_I)^T E_I

    with V the A hyperedges as vectors among the features. Noise (of Gumbel, as in the published
    code; the paper's formula draws logistic noise) and dropout are for training: an evaluation
    gives the same vectors every time, softmax(F V^T / t). The published code draws noise there too.

    Items without the modality, and users without such an item, belong to no hyperedge [ours].

    Args:
        features: Prepared features, padding and missing rows zero, [n_items, d_m].
        present: Whether an item has this modality, bool [n_items].
        interactions: R, [n_users, n_items].
        n_hyperedges: A.
        n_layers: Rounds, one or more.
        temperature: t, above zero.
        dropout: Share of the memberships that are dropped.

    Source: Guo et al., LGMRec, AAAI 2024, hypergraph embedding module.
    """

    features: Tensor
    present: Tensor
    user_present: Tensor

    def __init__(
        self,
        features: Tensor,
        present: Tensor,
        interactions: SparseMatrix,
        n_hyperedges: int,
        n_layers: int,
        temperature: float,
        dropout: float,
    ) -> None:
        super().__init__()
        self.interactions = interactions
        self.n_layers = n_layers
        self.temperature = temperature
        self.dropout = dropout
        self.hyperedges = nn.Parameter(torch.empty(n_hyperedges, features.shape[1]))  # V
        self.register_buffer("features", features, persistent=False)
        self.register_buffer("present", present, persistent=False)
        counts = interactions(present.float().unsqueeze(-1)).squeeze(-1)
        self.register_buffer("user_present", counts > 0, persistent=False)
        nn.init.xavier_uniform_(self.hyperedges)

    def memberships(self) -> Representations:
        """H_U [n_users, A] and H_I [n_items, A], whose rows sum to one or are zero."""
        items = self.features @ self.hyperedges.T
        users = self.interactions(items)
        return Representations(
            self._soft(users, self.user_present), self._soft(items, self.present)
        )

    def _soft(self, scores: Tensor, present: Tensor) -> Tensor:
        if self.training:
            soft = F.gumbel_softmax(scores, self.temperature)
        else:
            soft = (scores / self.temperature).softmax(-1)
        return torch.where(present.unsqueeze(-1), soft, 0.0)

    def forward(self, items: Tensor) -> Representations:
        """Return the global vectors, users [n_users, d] and items [n_items, d].

        Args:
            items: E_I, [n_items, d].
        """
        of_users, of_items = (
            F.dropout(one, self.dropout, self.training) for one in self.memberships()
        )
        users = items
        for _ in range(self.n_layers):
            edges = of_items.T @ items  # [A, d]
            users, items = of_users @ edges, of_items @ edges
        return Representations(users, items)

    def extra_repr(self) -> str:
        """Settings shown by ``print(model)``."""
        return f"hyperedges={len(self.hyperedges)}, n_layers={self.n_layers}"
