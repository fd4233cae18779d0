"""The Behavior Line: LightGCN on the user-item graph, IDs only."""

from typing import NamedTuple

from recbole_drepmrec.graph import Graph, SparseMatrix, bipartite_matrix
from recbole_drepmrec.nn.batch import Batch
from recbole_drepmrec.nn.id_tables import IdTables
from recbole_drepmrec.nn.propagation import light_gcn, light_gcn_at
from recbole_drepmrec.nn.representations import Representations


class BehaviorRows(NamedTuple):
    """What a batch reads of a Behavior Line, each of users [U, d] and items [I, d].

    Attributes:
        encoded: Rows of E_B.
        initial: Rows of E^(0), what an L2 penalty is of.
    """

    encoded: Representations
    initial: Representations


class BehaviorLine(IdTables):
    """ID embeddings smoothed over the user-item graph. [paper]

        E^(l+1) = D^(-1/2) A D^(-1/2) E^(l),   E_B = mean over l = 0..L of E^(l)

    Args:
        interactions: R of the training split, [n_users, n_items], padding included.
        embedding_size: d.
        n_layers: L, zero for plain matrix factorisation.

    Source: He et al., LightGCN, SIGIR 2020.
    """

    def __init__(self, interactions: Graph, embedding_size: int, n_layers: int) -> None:
        super().__init__(*interactions.shape, embedding_size)
        self.adjacency = bipartite_matrix(interactions)
        self.n_layers = n_layers

    def forward(self, adjacency: SparseMatrix | None = None) -> Representations:
        """Return E_B, split into users [n_users, d] and items [n_items, d].

        Args:
            adjacency: A graph to use instead of the line's own, such as one of drawn edges.
        """
        return light_gcn(adjacency or self.adjacency, self.tables(), self.n_layers)

    def of_batch(self, batch: Batch) -> BehaviorRows:
        """The rows that a batch reads.

        Args:
            batch: The training pairs.
        """
        nodes = Representations(batch.users, batch.items)
        return BehaviorRows(*light_gcn_at(nodes, self.adjacency, self.tables(), self.n_layers))

    def extra_repr(self) -> str:
        """Sizes shown by ``print(model)``."""
        n_users, d = self.user_embedding.shape
        n_items = len(self.item_embedding)
        return f"n_users={n_users}, n_items={n_items}, embedding_size={d}, n_layers={self.n_layers}"
