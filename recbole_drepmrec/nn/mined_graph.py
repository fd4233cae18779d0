"""LATTICE's item graph: that of the raw features, and one mined from their projections."""

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from recbole_drepmrec.graph import Graph, cosine_knn, normalise_by_row_sums, with_self_loops
from recbole_drepmrec.nn.projection import FeatureProjection
from recbole_drepmrec.nn.unit_rows import unit_length


class ModalityGraph(nn.Module):
    """One modality's item graph, lambda S + (1 - lambda) A.

    S is that of the raw features and frozen. A links each item to the k items whose projected
    features are most alike by cosine, itself among them, and is normalised by its row sums. The
    neighbours are chosen without a gradient, their cosines have one.

    Args:
        projection: Of the modality's features.
        raw: S, normalised, [n_items, n_items].
        k: Entries of a row of A, the item itself among them; 2 or more.
        skip_weight: lambda.
    """

    rows: Tensor
    cols: Tensor
    weights: Tensor

    def __init__(
        self, projection: FeatureProjection, raw: Graph, k: int, skip_weight: float
    ) -> None:
        super().__init__()
        self.projection = projection
        self.k = k
        self.skip_weight = skip_weight
        for name in ("rows", "cols", "weights"):
            self.register_buffer(name, getattr(raw, name), persistent=False)

    def forward(self) -> Graph:
        """Return the graph of the current parameters, [n_items, n_items]."""
        mined, skip = self.mined(), self.skip_weight
        return Graph(
            torch.cat([self.rows, mined.rows]),
            torch.cat([self.cols, mined.cols]),
            torch.cat([skip * self.weights, (1 - skip) * mined.weights]),
            mined.shape,
        )

    def mined(self) -> Graph:
        """Return A, with gradients of its weights."""
        unit = unit_length(self.projection())  # [n_items, d]
        present = self.projection.present
        chosen = with_self_loops(cosine_knn(unit.detach(), present, self.k - 1), present)
        rows, cols = chosen.rows.to(unit.device), chosen.cols.to(unit.device)
        cosines = (unit[rows] * unit[cols]).sum(-1)  # [nnz]
        return normalise_by_row_sums(Graph(rows, cols, cosines, chosen.shape))


class MinedItemGraph(nn.Module):
    """The modalities' item graphs, weighed by learned importance.

        sum_m alpha_m (lambda S^m + (1 - lambda) A^m),   alpha = softmax(importance)

    For an item that lacks modalities, alpha is scaled to a sum of one over those it has. [ours]

    Args:
        graphs: One a modality.

    Source: Zhang et al., LATTICE, MM 2021.
    """

    graphs: Iterable[ModalityGraph]
    present: Tensor

    def __init__(self, graphs: Sequence[ModalityGraph]) -> None:
        super().__init__()
        self.graphs = cast(Iterable[ModalityGraph], nn.ModuleList(graphs))
        self.importance = nn.Parameter(torch.zeros(len(graphs)))
        present = torch.stack([graph.projection.present for graph in graphs], dim=1)
        self.register_buffer("present", present, persistent=False)

    def shares(self) -> Tensor:
        """Return alpha of each item's modalities, [n_items, M]; zero for those it lacks."""
        known = self.importance.softmax(0) * self.present
        return known / known.sum(1, keepdim=True).where(self.present.any(1, keepdim=True), 1.0)

    def forward(self) -> Graph:
        """Return the graph of the current parameters, [n_items, n_items]."""
        shares, graphs = self.shares(), [graph() for graph in self.graphs]
        weights = [g.weights * shares[g.rows, m] for m, g in enumerate(graphs)]
        return Graph(
            torch.cat([graph.rows for graph in graphs]),
            torch.cat([graph.cols for graph in graphs]),
            torch.cat(weights),
            graphs[0].shape,
        )
