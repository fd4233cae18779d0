"""Fine and coarse spaces: each modality is aligned with what the earlier ones have in common."""

from collections.abc import Iterable, Sequence
from typing import cast

from torch import Tensor, nn

from recbole_drepmrec.nn.losses import info_nce


class FineCoarseAlignment(nn.Module):
    """A chain of shared spaces, from the IDs through one modality after the other. [paper]

        c_0 = id,   c_m = G_m c_{m-1},   L = sum_m InfoNCE(c_m, H_m x_m)

    with learnt linear maps G_m and H_m. An item that lacks modality m has no part in its term;
    its c_m goes on to the next. All maps keep the size, and similarity is the cosine [ours]; the
    published code halves the last space, and leaves vectors unscaled.

    Args:
        n_modalities: M.
        size: d, of id and x_m.

    Source: Tao et al., SLMRec, TMM 2022, feature fine and coarse spaces.
    """

    shared: Iterable[nn.Linear]
    own: Iterable[nn.Linear]

    def __init__(self, n_modalities: int, size: int) -> None:
        super().__init__()
        shared = nn.ModuleList(nn.Linear(size, size) for _ in range(n_modalities))  # G
        own = nn.ModuleList(nn.Linear(size, size) for _ in range(n_modalities))  # H
        self.shared = cast(Iterable[nn.Linear], shared)
        self.own = cast(Iterable[nn.Linear], own)
        for linear in (*self.shared, *self.own):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(
        self, ids: Tensor, views: Sequence[Tensor], present: Sequence[Tensor], temperature: float
    ) -> Tensor:
        """Return L, a scalar.

        Args:
            ids: ID representations of distinct items, [B, d].
            views: Their representations in each modality, M times [B, d].
            present: Whether they have the modality, M times bool [B].
            temperature: Of the InfoNCE.
        """
        coarse, loss = ids, ids.sum() * 0
        for shared, own, view, there in zip(self.shared, self.own, views, present, strict=True):
            coarse = shared(coarse)
            loss = loss + info_nce(coarse, own(view), temperature, counted=there)
        return loss
