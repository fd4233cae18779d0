"""DualGNN: preferences in each modality, fused by each user, smoothed over users alike."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field
from torch import Tensor

from recbole_drepmrec.data.dataset import MultimodalDataset
from recbole_drepmrec.data.features import FeatureNorm, PreparedFeatures
from recbole_drepmrec.graph import Graph, NeighbourSearch, SparseMatrix, bipartite_matrix
from recbole_drepmrec.model.base import (
    MultimodalRecommender,
    neighbour_search,
    pair_scores,
    training_interactions,
)
from recbole_drepmrec.model.relations import softmax_user_graph
from recbole_drepmrec.nn import Batch, ModalityGCN, ModalityPreferences, Representations, bpr_loss
from recbole_drepmrec.settings import NotNegative, Positive, Settings, Weight


class DualGNNSettings(Settings):
    """Keys of DualGNN; ``properties/model/DualGNN.yaml`` holds their defaults."""

    embedding_size: Positive = Field(description="d, size of a modality's representations.")
    n_layers: NotNegative = Field(description="L, layers on the user-item graph.")
    reg_weight: Weight = Field(description="Weight of the penalty of preferences and weights.")
    feature_norm: FeatureNorm = Field(description="Preparation of the raw features.")
    user_graph_k: Positive = Field(description="Neighbours of a user.")


class DualGNN(MultimodalRecommender):
    """Dual graph neural network: a user-item graph a modality, and one of co-occurring users.

        X^m = sum over layers of the modality's GCN
        v_u = sum_m alpha_um X_u^m,   users = V + S_UU V,   items = sum_m X_I^m
        L = BPR(users, items) + l_reg (mean P^2 + mean w^2)

    alpha_u are each user's own weights of the modalities. S_UU links a user to the k users with
    whom they share most items, weighed by a softmax of those counts.

    Differences to the authors' code: it draws neighbours again where a user has fewer than k, here
    the fewer ones are kept; it loses a modality of some items to test robustness, for which this
    project has ``drop_modalities``; it trains the features too, which are frozen here.

    Args:
        config: The resolved configuration.
        dataset: The training split.

    Source: Wang et al., DualGNN: Dual Graph Neural Network for Multimedia Recommendation, TMM 2021.
    """

    settings: DualGNNSettings
    settings_class: type[DualGNNSettings] = DualGNNSettings

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        features = self.prepared_features(dataset, self.settings.feature_norm)
        self._build(features, training_interactions(dataset), neighbour_search(config))

    def _build(
        self, features: Mapping[str, PreparedFeatures], interactions: Graph, search: NeighbourSearch
    ) -> None:
        """Make the networks and graphs of the prepared modalities, by name."""
        settings = self.settings
        adjacency = bipartite_matrix(interactions)
        size, n_layers = settings.embedding_size, settings.n_layers
        self.preferences = ModalityPreferences(
            [
                ModalityGCN(one.values, one.present, adjacency, size, n_layers)
                for one in features.values()
            ]
        )
        self.user_graph = SparseMatrix(
            softmax_user_graph(interactions, settings.user_graph_k, search)
        )

    def unsmoothed(self) -> Representations:
        """V of all users [n_users, d], and the items that score [n_items, d]."""
        return Representations(*(rows.sum(1) for rows in self.preferences()))

    def forward(self) -> Representations:
        """Encode all users and items."""
        users, items = self.unsmoothed()
        return Representations(users + self.user_graph(users), items)

    def of_batch(self, batch: Batch) -> Representations:
        """The rows of ``forward`` that a batch reads: users [U, d] and items [I, d].

        Args:
            batch: The training pairs.
        """
        whole = self.unsmoothed()
        rows = batch.rows(whole)
        alike = self.user_graph.product_at(batch.users, whole.users)
        return Representations(rows.users + alike, rows.items)

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return the objective of one training batch, a scalar."""
        users, positives, negatives = self.batch_ids(interaction)
        batch = Batch.of(users, positives, negatives)
        places = (batch.user, batch.positive, batch.negative)
        ranking = bpr_loss(*pair_scores(self.of_batch(batch), *places))
        return ranking + self.settings.reg_weight * self.preferences.penalty(users)
