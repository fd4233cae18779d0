"""What a line gives: one vector a user and one vector an item."""

from typing import NamedTuple

from torch import Tensor


class Representations(NamedTuple):
    """Users and items of one line, or of both fused, in one space.

    Attributes:
        users: Row u is user u, shape [n_users, d].
        items: Row i is item i, shape [n_items, d].
    """

    users: Tensor
    items: Tensor
