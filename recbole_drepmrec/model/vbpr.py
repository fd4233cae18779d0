"""VBPR: matrix factorisation with a second, visual, set of factors; here of any modalities."""

from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from recbole_drepmrec.data.dataset import MultimodalDataset
from recbole_drepmrec.data.features import FeatureNorm
from recbole_drepmrec.model.base import MultimodalRecommender
from recbole_drepmrec.nn import Representations, bpr_loss, squared_norm
from recbole_drepmrec.settings import Positive, Settings, Weight


class VBPRSettings(Settings):
    """Keys of VBPR; ``properties/model/VBPR.yaml`` holds their defaults."""

    feature_norm: FeatureNorm = Field(description="Preparation of the raw features.")
    embedding_size: Positive = Field(description="Size of the ID factors and of the feature ones.")
    reg_weight: Weight = Field(description="Weight of the L2 penalty of the batch's factors.")
    item_bias: bool = Field(description="Whether scores contain beta_i + beta'.f_i.")


class VBPR(MultimodalRecommender):
    """Visual Bayesian personalised ranking. [paper]

        s_ui = gamma_u . gamma_i + theta_u . (E f_i)  [ + beta_i + beta' . f_i ]

    gamma are factors of the IDs, theta_u a user's taste in the d dimensions that E maps features
    to, beta_i an item's bias and beta' a bias of each feature. alpha and beta_u of the paper change
    no ranking and are left out. The objective is BPR with an L2 penalty of the batch's gamma,
    theta, E f_i and bias; E and beta' themselves have none.

    The paper knows one modality; f_i concatenates all of them, so E f_i is a sum over those that
    item i has, as in the multimodal literature, which leaves the biases out too (``item_bias:
    False``). There features are trainable embeddings, here they are frozen. [ours]

    Args:
        config: The resolved configuration.
        dataset: The training split.

    Source: He and McAuley, VBPR: Visual Bayesian Personalized Ranking from Implicit Feedback,
        AAAI 2016.
    """

    settings: VBPRSettings
    settings_class = VBPRSettings
    features: Tensor

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        d = self.settings.embedding_size
        prepared = self.prepared_features(dataset, self.settings.feature_norm).values()
        features = torch.cat([modality.values for modality in prepared], dim=1)
        self.register_buffer("features", features, persistent=False)  # [n_items, sum of d_m]
        self.user_factors = nn.Parameter(torch.empty(self.n_users, 2 * d))  # gamma_u, theta_u
        self.item_factors = nn.Parameter(torch.empty(self.n_items, d))  # gamma_i
        self.projection = nn.Linear(features.shape[1], d, bias=False)  # E
        self.item_bias: nn.Parameter | None = None
        if self.settings.item_bias:
            self.item_bias = nn.Parameter(torch.empty(self.n_items, 1))  # beta_i
            self.feature_bias = nn.Linear(features.shape[1], 1, bias=False)  # beta'
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier-uniform factors, no bias at first."""
        for table in (self.user_factors, self.item_factors, self.projection.weight):
            nn.init.xavier_uniform_(table)
        if self.item_bias is not None:
            nn.init.zeros_(self.item_bias)
            nn.init.zeros_(self.feature_bias.weight)

    def forward(self) -> Representations:
        """Users [gamma_u, theta_u] and items [gamma_i, E f_i]; with biases [.., 1], [.., bias]."""
        items = self._item_rows(slice(None))
        if self.item_bias is None:
            return Representations(self.user_factors, items)
        ones = torch.ones_like(self.user_factors[:, :1])
        return Representations(torch.cat([self.user_factors, ones], dim=1), items)

    def _item_rows(self, ids: Tensor | slice) -> Tensor:
        features = self.features[ids]
        parts = [self.item_factors[ids], self.projection(features)]
        if self.item_bias is not None:
            parts.append(self.item_bias[ids] + self.feature_bias(features))
        return torch.cat(parts, dim=1)

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return the objective of one training batch, a scalar; only its rows are encoded."""
        users, positives, negatives = self.batch_ids(interaction)
        rows = self.user_factors[users]  # [B, 2d]
        items = self._item_rows(positives), self._item_rows(negatives)
        scores = [self._score(rows, item_rows) for item_rows in items]
        penalty = squared_norm(rows, *items)
        return bpr_loss(*scores) + self.settings.reg_weight * penalty

    def _score(self, users: Tensor, items: Tensor) -> Tensor:
        factors = (users * items[:, : users.shape[1]]).sum(1)
        return factors + items[:, users.shape[1] :].sum(1)  # what is left is the bias, if any
