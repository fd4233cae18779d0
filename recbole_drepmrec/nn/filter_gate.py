"""The filter gate: which part of a raw feature may enter the Modal Line."""

from typing import Literal, get_args

from torch import Tensor, nn

from recbole_drepmrec.nn.frozen_matrix import FrozenMatrix

GateKind = Literal["both", "own", "self", "none", "behavior"]
"""What the gate lets through: the Modal Line's own item embedding, with the projected feature
beside it or without; that feature itself, or the same ungated; the Behavior Line's embedding."""

OWN_TABLE: tuple[GateKind, ...] = ("both", "own")
"""Gates that let an item table of the Modal Line through."""


class FilterGate(nn.Module):
    """Projects raw features and damps what does not help to recommend. [ours]

        X = F W1 + b1,   H = S * sigmoid(X W2 + b2)

    with S = X (``self``), S = the Behavior Line's item embeddings (``behavior``: MGCN's purifier,
    which couples the two lines), or S = the Modal Line's own item embeddings (``own``). With
    ``none`` H = X, and with ``both`` X is added to the H of ``own``. That a filter gate stands here
    is [paper]; its form is [ours].

    Args:
        feature_size: d_m of the raw features.
        embedding_size: d of the representations.
        kind: One of ``both``, ``own``, ``self``, ``none``, ``behavior``.

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
            item_table: What ``both``, ``own`` and ``behavior`` let through, shape [n_items, d].

        Raises:
            ValueError: One of these without an item table.
        """
        if self.gate is None:
            return self._projected(features)
        if self.kind == "self":
            projected = self._projected(features)
            gated: Tensor = projected * self.gate(projected).sigmoid()
            return gated
        if item_table is None:
            raise ValueError(f"gate {self.kind!r} needs an item table")
        if self.kind == "both":
            projected = self._projected(features)
            beside_table: Tensor = item_table * self.gate(projected).sigmoid() + projected
            return beside_table
        # X itself is not asked for: one product with W1 W2 instead of two, one after the other
        weight = self.gate.weight @ self.projection.weight  # [d, d_m]
        opening = features.linear(weight, self.gate(self.projection.bias)).sigmoid()
        return item_table * opening

    def _projected(self, features: FrozenMatrix) -> Tensor:
        """X, shape [n_items, d]."""
        return features.linear(self.projection.weight, self.projection.bias)
