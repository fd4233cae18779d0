"""The filter gate: which part of a raw feature may enter the Modal Line."""

from typing import Literal, get_args

from torch import Tensor, nn

from recbole_drepmrec.nn.frozen_matrix import FrozenMatrix

GateKind = Literal["self", "none", "behavior", "own"]
"""What the gate lets through: the projected feature itself, the same ungated, the Behavior Line's
item embedding, or the Modal Line's own item embedding."""


class FilterGate(nn.Module):
    """Projects raw features and damps what does not help to recommend. [ours]

        X = F W1 + b1,   H = S * sigmoid(X W2 + b2)

    with S = X (``self``), S = the Behavior Line's item embeddings (``behavior``: MGCN's purifier,
    which couples the two lines), or S = the Modal Line's own item embeddings (``own``). With
    ``none`` H = X. That a filter gate stands here is [paper]; its form is [ours].

    Args:
        feature_size: d_m of the raw features.
        embedding_size: d of the representations.
        kind: One of ``self``, ``none``, ``behavior``, ``own``.

    Raises:
        ValueError: ``kind`` is none of these.
    """

    def __init__(self, feature_size: int, embedding_size: int, kind: GateKind) -> None:
        super().__init__()
        if kind not in get_args(GateKind):
            raise ValueError(f"gate {kind!r} is not one of {', '.join(get_args(GateKind))}")
        self.kind = kind
        self.projection = nn.Linear(feature_size, embedding_size)
        self.gate = None if kind == "none" else nn.Linear(embedding_size, embedding_size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier-uniform weights; zero biases, so that each gate starts half open."""
        for layer in (self.projection, self.gate):
            if layer is not None:
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, features: FrozenMatrix, item_table: Tensor | None = None) -> Tensor:
        """Return the gated representations, shape [n_items, d].

        Args:
            features: Prepared features, shape [n_items, d_m].
            item_table: What ``behavior`` and ``own`` let through, shape [n_items, d].

        Raises:
            ValueError: ``behavior`` or ``own`` without an item table.
        """
        if self.gate is None or self.kind == "self":
            projected = features.linear(
                self.projection.weight, self.projection.bias
            )  # [n_items, d]
            return projected if self.gate is None else projected * self.gate(projected).sigmoid()
        if item_table is None:
            raise ValueError(f"gate {self.kind!r} needs an item table")
        # X itself is not asked for: one product with W1 W2 instead of two, one after the other
        weight = self.gate.weight @ self.projection.weight  # [d, d_m]
        opening = features.linear(weight, self.gate(self.projection.bias)).sigmoid()
        return item_table * opening
