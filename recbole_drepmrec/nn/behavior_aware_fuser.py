"""MGCN's fuser: what the modalities share, and of what is left as much as the behavior asks for."""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn


class BehaviorAwareFuser(nn.Module):
    """Joins the modalities' views of a user or an item into one vector. [paper]

        alpha = softmax over m of q . tanh(W E_m + b)
        E_S = sum over m of alpha_m E_m                          what the modalities share
        P_m = sigmoid(W_m E_id + b_m)                            how much the behavior asks of m
        E_mul = E_S + mean over m of (E_m - E_S) * P_m

    The softmax and the mean are over the modalities that a user or an item has; who has none gets
    zero. [ours]

    Args:
        n_modalities: M.
        embedding_size: d.

    Source: Yu et al., MGCN, MM 2023.
    """

    preferences: Iterable[nn.Linear]

    def __init__(self, n_modalities: int, embedding_size: int) -> None:
        super().__init__()
        d = embedding_size
        self.attention = nn.Sequential(nn.Linear(d, d), nn.Tanh(), nn.Linear(d, 1, bias=False))
        linear = nn.ModuleList(nn.Linear(d, d) for _ in range(n_modalities))
        self.preferences = cast(Iterable[nn.Linear], linear)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier-uniform weights; zero biases, so that each preference starts half open."""
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, views: Tensor, present: Tensor, behavior: Tensor) -> Tensor:
        """Return E_mul, [n, d].

        Args:
            views: E_m of each modality, [n, M, d].
            present: Whether a row has the modality, bool [n, M].
            behavior: E_id, [n, d].
        """
        alpha = self.weights(views, present).unsqueeze(-1)  # [n, M, 1]
        shared = (alpha * views).sum(1, keepdim=True)  # [n, 1, d]
        asked = torch.stack([layer(behavior) for layer in self.preferences], dim=1).sigmoid()
        specific = (views - shared) * asked * present.unsqueeze(-1)  # [n, M, d]
        counts = present.sum(1, keepdim=True).clamp(min=1)
        fused: Tensor = shared.squeeze(1) + specific.sum(1) / counts
        return fused

    def weights(self, views: Tensor, present: Tensor) -> Tensor:
        """Return alpha, [n, M], zero for the modalities that a row lacks.

        Args:
            views: E_m of each modality, [n, M, d].
            present: Whether a row has the modality, bool [n, M].
        """
        scores = self.attention(views).squeeze(-1)  # [n, M]
        lowest = torch.finfo(scores.dtype).min  # not -inf: a row of these alone would be NaN
        alpha: Tensor = scores.masked_fill(~present, lowest).softmax(1) * present
        return alpha
