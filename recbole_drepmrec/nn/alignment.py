"""Behavior-Modal Alignment (BMA): aligns two sets of representations, then fuses them."""

from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from recbole_drepmrec.nn.distinct_ids import distinct_in_parts
from recbole_drepmrec.nn.fusion import Fusion
from recbole_drepmrec.nn.losses import cosine_distance, has_direction, info_nce
from recbole_drepmrec.nn.representations import Representations


class Alignment(NamedTuple):
    """What BMA returns for a batch.

    Attributes:
        intra: Mean distance of user and positive item inside the two lines, a scalar.
        inter: Mean InfoNCE between the lines over users and items, a scalar.
        fused: The fused representations of all users and items.
    """

    intra: Tensor
    inter: Tensor
    fused: Representations


class BehaviorModalAlignment(nn.Module):
    """Intra-alignment, inter-alignment and a simple fusion. [paper]

        L_intra = ( mean 1 - cos(b_u, b_i) + mean 1 - cos(m_u, m_i) ) / 2                 [ours]
        L_inter = ( InfoNCE(m_u, b_u) + InfoNCE(m_i, b_i) ) / 2 over the distinct users and
                  items of each part of the batch, averaged over both directions, or with
                  ``one_way`` from modal to behavior only                                 [ours]

    In parts of ``MOST_PAIRS`` pairs the cost grows with the batch and not with its square.

    A modal vector that is zero, of who has no modality, has no part in any mean: it has no
    direction, and would be a negative of all others.

    The module knows nothing of how the representations came about, so any recommender with user
    and item vectors can wear it: call it with the host's vectors, the modal ones and a batch.

    Args:
        fusion: How the two are joined.
        temperature: Of the InfoNCE, above zero.
        one_way: Stop the gradient of L_inter into the behavior side, so that the modal vectors
            move towards the behavior ones and not the other way round.

    Raises:
        ValueError: The temperature is not above zero.
    """

    def __init__(self, fusion: Fusion, temperature: float = 0.2, one_way: bool = True) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature}, expected a number above zero")
        self.fusion = fusion
        self.temperature = temperature
        self.one_way = one_way

    def forward(
        self, behavior: Representations, modal: Representations, users: Tensor, items: Tensor
    ) -> Alignment:
        """Return the two losses and the fused representations.

        Args:
            behavior: Users [n_users, d] and items [n_items, d] of the behavior side.
            modal: Users [n_users, d] and items [n_items, d] of the modal side.
            users: Users of the batch's training pairs, shape [B].
            items: Their positive items, shape [B].
        """
        return Alignment(
            self.intra(behavior, modal, users, items),
            self.inter(behavior, modal, users, items),
            self.fuse(behavior, modal),
        )

    def fuse(self, behavior: Representations, modal: Representations) -> Representations:
        """Return the fused users and items.

        Args:
            behavior: Users [n_users, d] and items [n_items, d] of the behavior side.
            modal: Those of the modal side.
        """
        return Representations(
            self.fusion(behavior.users, modal.users), self.fusion(behavior.items, modal.items)
        )

    def intra(
        self, behavior: Representations, modal: Representations, users: Tensor, items: Tensor
    ) -> Tensor:
        """Return L_intra: no term of it touches both lines.

        Args:
            behavior: Users [n_users, d] and items [n_items, d] of the behavior side.
            modal: Those of the modal side.
            users: Users of the batch's training pairs, shape [B].
            items: Their positive items, shape [B].
        """
        pairs = [Representations(one.users[users], one.items[items]) for one in (behavior, modal)]
        return self.intra_of_pairs(*pairs)

    def intra_of_pairs(self, behavior: Representations, modal: Representations) -> Tensor:
        """Return L_intra of rows that have been taken out already.

        Args:
            behavior: User and positive item of each training pair, [B, d] each.
            modal: The same of the modal side.
        """
        there = has_direction(modal.users) & has_direction(modal.items)
        in_behavior = cosine_distance(*behavior)
        return (in_behavior + cosine_distance(*modal, counted=there)) / 2

    def inter(
        self, behavior: Representations, modal: Representations, users: Tensor, items: Tensor
    ) -> Tensor:
        """Return L_inter over the batch's users and items.

        Args:
            behavior: Users [n_users, d] and items [n_items, d] of the behavior side.
            modal: Those of the modal side.
            users: Users of the batch's training pairs, shape [B].
            items: Their positive items, shape [B].
        """
        of_users = self._inter(behavior.users, modal.users, users)
        of_items = self._inter(behavior.items, modal.items, items)
        return (of_users + of_items) / 2

    def _inter(self, behavior: Tensor, modal: Tensor, ids: Tensor) -> Tensor:
        # who stands in a part twice is no negative of themselves
        found = distinct_in_parts(ids)
        b, m = behavior[found.ids], modal[found.ids]
        there = has_direction(m)
        if found.counted is not None:
            there = there & found.counted
        loss = partial(
            info_nce,
            temperature=self.temperature,
            counted=there,
            parts=[(n, n) for _, n in found.sizes],
        )
        if self.one_way:
            return loss(m, b.detach())
        return (loss(m, b) + loss(b, m)) / 2

    def extra_repr(self) -> str:
        """Settings shown by ``print(model)``."""
        return f"temperature={self.temperature}, one_way={self.one_way}"
