"""FREEDOM: a frozen item graph of the features beside a denoised user-item graph."""

from collections.abc import Iterable
from typing import Any, cast

from pydantic import Field
from torch import Tensor, nn

from recbole_drepmrec.data.dataset import MultimodalDataset
from recbole_drepmrec.data.features import FeatureNorm
from recbole_drepmrec.graph import SparseMatrix, bipartite_matrix, sample_edges
from recbole_drepmrec.model.base import neighbour_search, training_interactions
from recbole_drepmrec.model.ranked import RankedRecommender
from recbole_drepmrec.model.ranking_settings import RankingSettings, ranking_loss
from recbole_drepmrec.model.relations import fused_item_graph
from recbole_drepmrec.nn import (
    Batch,
    BehaviorLine,
    FeatureProjection,
    Representations,
    bpr_loss,
    smooth,
)
from recbole_drepmrec.settings import NotNegative, Positive, Share, Weight


class FREEDOMSettings(RankingSettings):
    """Keys of FREEDOM; ``properties/model/FREEDOM.yaml`` holds their defaults."""

    embedding_size: Positive = Field(description="d, size of all representations.")
    n_layers: NotNegative = Field(description="LightGCN layers on the user-item graph.")
    feature_norm: FeatureNorm = Field(description="Preparation of the raw features.")
    item_graph_k: Positive = Field(description="Neighbours of an item, itself among them.")
    item_graph_layers: NotNegative = Field(description="Propagation steps over the item graph.")
    modality_weights: dict[str, Weight] | None = Field(description="Of the item graphs, by name.")
    edge_dropout: Share = Field(description="Share of the user-item edges left out in an epoch.")
    modal_weight: Weight = Field(description="lambda, weight of the features' own BPR.")


class FREEDOM(RankedRecommender):
    """A tale of two graphs: the item graph is frozen, the user-item graph is denoised.

        S = sum_m w_m S^m,   H^(l+1) = S H^(l),   H^(0) = E_I
        users = X_U,   items = X_I + H^(L),   (X_U, X_I) = LightGCN(E_U, E_I)
        L = L_rank(users, items) + lambda sum_m BPR(users, F^m W_m),   L_rank = BPR as published

    S^m links each item to the k items of highest cosine, itself among them, and never changes.
    Each epoch trains on (1 - rho) of the user-item edges, drawn with a probability that falls with
    the degrees of their ends, and normalised anew; scores come from all edges.

    The authors' code trains the features F^m as well; here they are frozen. A pair counts in the
    BPR of a modality only if both of its items have it. [ours]

    Args:
        config: The resolved configuration.
        dataset: The training split.

    Source: Zhou and Shen, A Tale of Two Graphs: Freezing and Denoising Graph Structures for
        Multimodal Recommendation, MM 2023.
    """

    settings: FREEDOMSettings
    settings_class = FREEDOMSettings
    projections: Iterable[FeatureProjection]

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        settings = self.settings
        features = self.prepared_features(dataset, settings.feature_norm)
        items = fused_item_graph(
            features, settings.modality_weights, settings.item_graph_k, neighbour_search(config)
        )
        self.item_graph = SparseMatrix(items)
        self.interactions = training_interactions(dataset)
        self.ranking = ranking_loss(settings, self.interactions)
        self.drawn_adjacency: SparseMatrix | None = None
        self.behavior_line = BehaviorLine(
            self.interactions, settings.embedding_size, settings.n_layers
        )
        projections = nn.ModuleList(
            # a bias would cancel: the loss reads differences of scores only
            FeatureProjection(one.values, one.present, settings.embedding_size, bias=False)
            for one in features.values()
            if settings.modal_weight > 0
        )
        self.projections = cast(Iterable[FeatureProjection], projections)

    def start_epoch(self) -> None:
        """Draw the user-item edges that this epoch trains on."""
        if self.settings.edge_dropout > 0:
            drawn = sample_edges(self.interactions, self.settings.edge_dropout)
            self.drawn_adjacency = bipartite_matrix(drawn).to(self.device)

    def forward(self) -> Representations:
        """Encode all users and items over the whole user-item graph."""
        return self._encode(None)

    def training_vectors(self) -> Representations:
        """Encode over the edges that were drawn for this epoch."""
        return self._encode(self.drawn_adjacency)

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return the objective of one training batch, a scalar."""
        users, positives, negatives = self.batch_ids(interaction)
        batch = Batch.of(users, positives, negatives)
        rows = batch.rows(self.training_vectors())
        pairs = batch.positive_pairs(rows)
        loss: Tensor = self.ranking(pairs, rows.items, batch)
        for projection in self.projections:
            modal = _modal_loss(projection, pairs.users, positives, negatives)
            loss = loss + self.settings.modal_weight * modal
        return loss

    def _encode(self, adjacency: SparseMatrix | None) -> Representations:
        users, items = self.behavior_line(adjacency)
        table, n_layers = self.behavior_line.item_embedding, self.settings.item_graph_layers
        return Representations(users, items + smooth(self.item_graph, table, n_layers))


def _modal_loss(
    projection: FeatureProjection, users: Tensor, positives: Tensor, negatives: Tensor
) -> Tensor:
    """BPR of a batch's user rows [B, d] with one modality's projected features."""
    positive, negative = ((users * projection(items)).sum(-1) for items in (positives, negatives))
    counted = projection.present[positives] & projection.present[negatives]
    return bpr_loss(positive, negative, counted)
