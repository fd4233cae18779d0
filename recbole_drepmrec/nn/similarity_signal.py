"""The Similarity-Supervised Signal (SSS): what is alike in the features stays alike."""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recbole_drepmrec.nn.frozen_matrix import FrozenMatrix
from recbole_drepmrec.nn.known_gradient import with_gradients
from recbole_drepmrec.nn.unit_rows import UnitRows, unit_length

SignalKind = Literal["gram", "sampled"]
"""All pairs of items exactly, or the pairs among items drawn for each step."""


class SimilaritySupervisedSignal(nn.Module):
    """Distance between the cosines of the representations and those of the original features.

    With H and F scaled to rows of length one and n items that have the modality,

        L = || H H^T - F F^T ||_F^2 / n^2
          = ( ||H^T H||_F^2 - 2 ||H^T F||_F^2 + ||F^T F||_F^2 ) / n^2            (``gram``, exact)

    in O(n (d + d_m) max(d, d_m)) time and without an n x n matrix; the last term is a constant.
    The gradient is made along with the value [ours]:

        dL/dh_i = 4 (H H^T H - F F^T H)_i / n^2,   dL/dr_i as ``UnitRows`` has it

    ``sampled`` draws items uniformly and averages over their pairs of two different items, which
    is unbiased for that mean over all items. A row that is zero (padding, or a missing feature)
    has no part in any term. That SSS exists and what it is for is [paper]; its form is [ours].

    Args:
        features: Prepared original features, missing rows zero, shape [n_items, d_m].
        kind: ``gram`` or ``sampled``.
        samples: Items drawn a step by ``sampled``, two at least.
        on_host: Whether the features stay in the host's memory.

    Raises:
        ValueError: ``kind`` is neither, or ``samples`` is below two.
    """

    present: Tensor
    present_ids: Tensor
    constant: Tensor

    def __init__(
        self,
        features: Tensor,
        kind: SignalKind = "gram",
        samples: int = 1024,
        on_host: bool = False,
    ) -> None:
        super().__init__()
        if kind not in get_args(SignalKind):
            raise ValueError(f"sss {kind!r} is not one of {', '.join(get_args(SignalKind))}")
        if samples < 2:
            raise ValueError(f"sss_samples is {samples}: a pair takes two items")
        self.kind = kind
        self.samples = samples
        norms = features.norm(dim=-1)
        unit = bool(((norms[norms > 0] - 1).abs() < 1e-5).all())
        # Features are usually of length one already: then this is the encoder's own memory.
        target = features if unit else F.normalize(features, dim=-1)
        self.target = FrozenMatrix(target, on_host)
        self.register_buffer("present", (norms > 0).unsqueeze(-1), persistent=False)
        self.register_buffer("present_ids", norms.nonzero().squeeze(-1), persistent=False)
        constant = (target.T @ target).pow(2).sum() if kind == "gram" else torch.zeros(())
        self.register_buffer("constant", constant, persistent=False)

    def forward(self, representations: Tensor) -> Tensor:
        """Return the loss, a scalar.

        Args:
            representations: The modality's item representations, missing rows zero, [n_items, d].
        """
        if len(self.present_ids) < 2:
            return representations.sum() * 0  # no pair, no signal
        if self.kind == "gram":
            return self._gram(representations)
        return self._sampled(representations)

    def _gram(self, representations: Tensor) -> Tensor:
        scale = 1 / len(self.present_ids) ** 2
        # in full precision, mixed or not: the terms nearly cancel
        with torch.no_grad(), torch.autocast(representations.device.type, enabled=False):
            unit = UnitRows.of(representations * self.present)
            rows = unit.rows
            own, cross = rows.T @ rows, self.target.transposed_times(rows)  # [d, d] and [d_m, d]
            value = (own.pow(2).sum() - 2 * cross.pow(2).sum() + self.constant) * scale
            to_rows = (rows @ own).sub_(self.target.times(cross)).mul_(4 * scale)  # [n_items, d]
        return with_gradients(value, (representations, unit.gradient(to_rows)))

    def _sampled(self, representations: Tensor) -> Tensor:
        n = min(self.samples, len(self.present_ids))
        drawn = torch.randperm(len(self.present_ids), device=self.present_ids.device)[:n]
        ids = self.present_ids[drawn]
        rows = unit_length(representations[ids])
        target = self.target.rows(ids)
        # The diagonals agree (both are one, but for a zero row), so only different items differ.
        squares = (rows @ rows.T - target @ target.T).pow(2).sum()  # [n, n]
        return squares / (n * (n - 1))

    def extra_repr(self) -> str:
        """Settings shown by ``print(model)``."""
        drawn = f", samples={self.samples}" if self.kind == "sampled" else ""
        return f"kind={self.kind}{drawn}, n_items={len(self.present_ids)}"
