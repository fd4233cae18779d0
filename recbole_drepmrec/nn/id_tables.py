"""The ID embeddings of users and items."""

import torch
from torch import Tensor, nn

from recbole_drepmrec.nn.representations import Representations


class IdTables(nn.Module):
    """An embedding a user and an item, E_U and E_I.

    Args:
        n_users: Rows of the user table, padding included.
        n_items: Rows of the item table, padding included.
        embedding_size: d.
    """

    def __init__(self, n_users: int, n_items: int, embedding_size: int) -> None:
        super().__init__()
        self.user_embedding = nn.Parameter(torch.empty(n_users, embedding_size))
        self.item_embedding = nn.Parameter(torch.empty(n_items, embedding_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier-uniform, as RecBole starts its ID embeddings."""
        nn.init.xavier_uniform_(self.user_embedding)
        nn.init.xavier_uniform_(self.item_embedding)

    def tables(self) -> Representations:
        """E_U [n_users, d] and E_I [n_items, d], as they are."""
        return Representations(self.user_embedding, self.item_embedding)

    def rows(self, users: Tensor, *items: Tensor) -> list[Tensor]:
        """The rows that a batch reads, each [B, d]: what an L2 penalty is of.

        Args:
            users: Users of the batch, [B].
            items: Its items, each [B].
        """
        return [self.user_embedding[users], *(self.item_embedding[ids] for ids in items)]
