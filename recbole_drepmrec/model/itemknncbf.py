"""ItemKNNCBF: items whose features are like those of a user's items; nothing is learnt."""

from typing import Any

import torch
from pydantic import Field
from recbole.utils import ModelType
from torch import Tensor, nn

from recbole_drepmrec.data.dataset import MultimodalDataset
from recbole_drepmrec.data.features import FeatureNorm
from recbole_drepmrec.graph import SparseMatrix
from recbole_drepmrec.model.base import FeatureRecommender, neighbour_search, training_interactions
from recbole_drepmrec.model.relations import content_neighbours
from recbole_drepmrec.settings import Positive, Settings, Weight


class ItemKNNCBFSettings(Settings):
    """Keys of ItemKNNCBF; ``properties/model/ItemKNNCBF.yaml`` holds their defaults."""

    feature_norm: FeatureNorm = Field(description="Preparation of the raw features.")
    knn_k: Positive = Field(description="Neighbours of an item.")
    shrink: Weight = Field(description="Added to the product of two lengths in the cosine.")


class ItemKNNCBF(FeatureRecommender):
    """Content-based k nearest neighbours. [paper]

        s_ui = sum over u's training items j among i's k neighbours of s_ij
        s_ij = f_i . f_j / (|f_i| |f_j| + shrink)

    With several modalities s_ij is the mean over those that both items have; an item's neighbours
    are the k of highest s_ij above zero. [ours] An item without interactions is scored like any
    other. With rows of length one (``feature_norm`` ``center_l2`` or ``l2``) the shrinkage changes
    no ranking.

    Training is one pass of RecBole's trainer for traditional models, and changes nothing.

    Args:
        config: The resolved configuration.
        dataset: The training split.

    Source: Ferrari Dacrema et al., Are We Really Making Much Progress? A Worrying Analysis of
        Recent Neural Recommendation Approaches, RecSys 2019.
    """

    type = ModelType.TRADITIONAL
    settings: ItemKNNCBFSettings
    settings_class = ItemKNNCBFSettings

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        settings = self.settings
        features = list(self.prepared_features(dataset, settings.feature_norm).values())
        graph = content_neighbours(
            features, settings.knn_k, settings.shrink, neighbour_search(config)
        )
        self.neighbours = SparseMatrix(graph)  # S, [n_items, n_items]
        self.histories = SparseMatrix(training_interactions(dataset))  # R, [n_users, n_items]
        self.nothing = nn.Parameter(torch.zeros(1))  # RecBole's optimiser must have a parameter

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return zero."""
        return 0 * self.nothing.sum()

    def predict(self, interaction: Any) -> Tensor:
        """Score pairs, shape [B]; only their own neighbours and histories are looked at."""
        users, items = interaction[self.USER_ID], interaction[self.ITEM_ID]
        pairs, neighbours, similarities = self.neighbours.edges_of(items)
        of_users, history, _ = self.histories.edges_of(users)
        taken = torch.isin(
            pairs * self.n_items + neighbours, of_users * self.n_items + history
        )  # [nnz]: neighbours that the pair's user has
        scores = similarities.new_zeros(len(users))
        return scores.index_add_(0, pairs[taken], similarities[taken])

    def full_sort_predict(self, interaction: Any) -> Tensor:
        """Score all items for each user, shape [B, n_items]: rows of R S^T."""
        users = interaction[self.USER_ID]
        places, items, ones = self.histories.edges_of(users)
        history = ones.new_zeros(self.n_items, len(users))
        history[items, places] = ones
        scores: Tensor = self.neighbours(history)  # [n_items, B]
        return scores.T.contiguous()  # RecBole reshapes it
