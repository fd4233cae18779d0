"""BM3: user, item and feature views bootstrapped from one another, without any negative."""

from typing import Any, cast

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from recbole_drepmrec.data.dataset import MultimodalDataset
from recbole_drepmrec.data.features import FeatureNorm
from recbole_drepmrec.model.base import MultimodalRecommender, total, training_interactions
from recbole_drepmrec.nn import (
    BehaviorLine,
    FeatureProjection,
    Representations,
    cosine_distance,
    squared_norm,
)
from recbole_drepmrec.settings import NotNegative, Positive, Settings, Share, Weight


class BM3Settings(Settings):
    """Keys of BM3; ``properties/model/BM3.yaml`` holds their defaults."""

    feature_norm: FeatureNorm = Field(description="Preparation of the raw features.")
    embedding_size: Positive = Field(description="d, size of all representations.")
    n_layers: NotNegative = Field(description="LightGCN layers.")
    dropout: Share = Field(description="Share of a target view's numbers that are dropped.")
    reg_weight: Weight = Field(description="Weight of the L2 penalty of the batch's h.")
    cl_weight: Weight = Field(description="Weight of the losses of the modalities.")


class BM3(MultimodalRecommender):
    """Bootstrapped multimodal model. [paper]

        H_u = mean over l of H_u^(l),   H_i = mean over l of H_i^(l) + H_i^(0)      (LightGCN)
        h_m = f_m W_m + b_m,   h~ = h W_p + b_p (one predictor for all)
        h' = dropout(h), a target that gets no gradient

        L_rec   = C(h~_u, h'_i) + C(h~_i, h'_u)       graph reconstruction
        L_align = sum over m of C(h~_m, h'_i)         between the modalities and the IDs
        L_mask  = sum over m of C(h~_m, h'_m)         within a modality
        L = L_rec + cl_weight (L_align + L_mask) + reg_weight (||h_u||^2 + ||h_i||^2) / 2

    where C(a, b) = 1 - cos(a, b) is a mean over the batch's positive pairs, and in the last two
    over those whose item has modality m. The 1 changes no gradient of the paper's -cos. That one
    weight is on L_align + L_mask follows the published implementation.

    Scores are h~_u . h~_i, both through the predictor, as in the published implementation, and
    without dropout. They read IDs alone: features only move what the IDs' predictor learns, so an
    item without interactions cannot be placed.

    Args:
        config: The resolved configuration.
        dataset: The training split.

    Source: Zhou et al., Bootstrap Latent Representations for Multi-modal Recommendation, WWW 2023.
    """

    settings: BM3Settings
    settings_class = BM3Settings

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        d = self.settings.embedding_size
        self.ids = BehaviorLine(training_interactions(dataset), d, self.settings.n_layers)
        features = self.prepared_features(dataset, self.settings.feature_norm).values()
        self.projections = nn.ModuleList(
            FeatureProjection(modality.values, modality.present, d) for modality in features
        )
        self.predictor = nn.Linear(d, d)
        nn.init.xavier_uniform_(self.predictor.weight)

    def views(self) -> Representations:
        """H_u [n_users, d] and H_i [n_items, d]."""
        users, items = self.ids()
        return Representations(users, items + self.ids.item_embedding)

    def forward(self) -> Representations:
        """Encode all users and items, through the predictor."""
        users, items = self.views()
        return Representations(self.predictor(users), self.predictor(items))

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return the objective of one training batch, a scalar; its negatives are not read."""
        settings = self.settings
        users, items = interaction[self.USER_ID], interaction[self.ITEM_ID]
        views = self.views()
        h_u, h_i = views.users[users], views.items[items]  # [B, d]
        target_u, target_i = self._target(h_u), self._target(h_i)
        to_item = cosine_distance(self.predictor(h_u), target_i)
        to_user = cosine_distance(self.predictor(h_i), target_u)
        modal = total(
            self._modal_loss(cast(FeatureProjection, projection), items, target_i)
            for projection in self.projections
        )
        penalty = squared_norm(h_u, h_i)
        return to_item + to_user + settings.cl_weight * modal + settings.reg_weight * penalty

    def _modal_loss(self, projection: FeatureProjection, items: Tensor, target_i: Tensor) -> Tensor:
        """L_align + L_mask of one modality."""
        h_m, present = projection(items), projection.present[items]
        predicted, target_m = self.predictor(h_m), self._target(h_m)
        align = cosine_distance(predicted, target_i, present)
        return align + cosine_distance(predicted, target_m, present)

    def _target(self, view: Tensor) -> Tensor:
        return F.dropout(view.detach(), self.settings.dropout, self.training)
