"""The Behavior Line: LightGCN on the user-item graph, IDs only."""

import torch
from torch import nn

from recbole_drepmrec.graph import SparseMatrix
from recbole_drepmrec.nn.propagation import light_gcn
from recbole_drepmrec.nn.representations import Representations


class BehaviorLine(nn.Module):
    """ID embeddings smoothed over the user-item graph. [paper]

        E^(l+1) = D^(-1/2) A D^(-1/2) E^(l),   E_B = mean over l = 0..L of E^(l)

    Args:
        adjacency: D^(-1/2) A D^(-1/2), users first, shape [n_users + n_items, n_users + n_items].
        n_users: Rows of the user table, padding included.
        n_items: Rows of the item table, padding included.
        embedding_size: d.
        n_layers: L, zero for plain matrix factorisation.

    Source: He et al., LightGCN, SIGIR 2020.
    """

    def __init__(
        self,
        adjacency: SparseMatrix,
        n_users: int,
        n_items: int,
        embedding_size: int,
        n_layers: int,
    ) -> None:
        super().__init__()
        self.adjacency = adjacency
        self.n_layers = n_layers
        self.user_embedding = nn.Parameter(torch.empty(n_users, embedding_size))
        self.item_embedding = nn.Parameter(torch.empty(n_items, embedding_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier-uniform, as RecBole starts its ID embeddings."""
        nn.init.xavier_uniform_(self.user_embedding)
        nn.init.xavier_uniform_(self.item_embedding)

    def forward(self, adjacency: SparseMatrix | None = None) -> Representations:
        """Return E_B, split into users [n_users, d] and items [n_items, d].

        Args:
            adjacency: A graph to use instead of the line's own, such as one of drawn edges.
        """
        initial = Representations(self.user_embedding, self.item_embedding)
        return light_gcn(adjacency or self.adjacency, initial, self.n_layers)

    def extra_repr(self) -> str:
        """Sizes shown by ``print(model)``."""
        n_users, d = self.user_embedding.shape
        n_items = len(self.item_embedding)
        return f"n_users={n_users}, n_items={n_items}, embedding_size={d}, n_layers={self.n_layers}"
