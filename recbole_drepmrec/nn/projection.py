"""One modality's frozen features, projected to the size of the embeddings."""

import torch
from torch import Tensor, nn


class FeatureProjection(nn.Module):
    """A linear map of one modality's features, zero for the items that lack it.

        X = (F W + b) * present

    Args:
        features: Prepared features, frozen, padding and missing rows zero, [n_items, d_m].
        present: Whether an item has this modality, [n_items].
        embedding_size: d.
        bias: Whether there is a b.
    """

    features: Tensor
    present: Tensor

    def __init__(
        self, features: Tensor, present: Tensor, embedding_size: int, bias: bool = True
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(features.shape[1], embedding_size, bias=bias)
        self.register_buffer("features", features, persistent=False)
        self.register_buffer("present", present, persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier-uniform weights, zero bias."""
        nn.init.xavier_uniform_(self.linear.weight)
        if self.linear.bias is not None:
            nn.init.zeros_(self.linear.bias)

    def forward(self, items: Tensor | None = None) -> Tensor:
        """Return X of all items [n_items, d], or of the given ones [B, d].

        Args:
            items: Item ids, [B].
        """
        if items is None:
            features, present = self.features, self.present
        else:
            features, present = self.features[items], self.present[items]
        projected: Tensor = self.linear(features)
        return torch.where(present.unsqueeze(-1), projected, 0.0)
