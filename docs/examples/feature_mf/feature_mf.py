"""FeatureMF: matrix factorisation whose items also are what their features say."""

from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from recbole_drepmrec.data.dataset import MultimodalDataset
from recbole_drepmrec.data.features import FeatureNorm
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.model.base import MultimodalRecommender, pair_scores
from recbole_drepmrec.nn import FeatureProjection, Representations, bpr_loss, squared_norm
from recbole_drepmrec.quick_start import run_recbole
from recbole_drepmrec.settings import AboveZero, Positive, Settings, Weight


class FeatureMFSettings(Settings):
    """Keys of FeatureMF; ``properties/model/FeatureMF.yaml`` holds their defaults."""

    feature_norm: FeatureNorm = Field(description="Preparation of the raw features.")
    embedding_size: Positive = Field(description="Size of all vectors.")
    feature_scale: AboveZero = Field(description="Factor of what the features say.")
    reg_weight: Weight = Field(description="Weight of the L2 penalty of the batch's vectors.")


class FeatureMF(MultimodalRecommender):
    """Users p_u, items q_i, and a linear map of each modality's features. [ours]

        s_ui = p_u . ( q_i + a mean over the modalities m of item i of W_m f_im )

    The objective is BPR with an L2 penalty of the batch's p_u and q_i.

    Args:
        config: The resolved configuration.
        dataset: The training split.
    """

    settings: FeatureMFSettings
    settings_class = FeatureMFSettings
    n_modalities: Tensor

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        d = self.settings.embedding_size
        features = self.prepared_features(dataset, self.settings.feature_norm).values()
        self.user_table = nn.Parameter(torch.empty(self.n_users, d))  # p
        self.item_table = nn.Parameter(torch.empty(self.n_items, d))  # q
        self.projections = nn.ModuleList(  # W_m; frozen features stay out of the checkpoint
            FeatureProjection(one.values, one.present, d, bias=False) for one in features
        )
        present = torch.stack([one.present for one in features], dim=1)  # [n_items, M]
        counts = present.sum(dim=1, keepdim=True).clamp(min=1)
        self.register_buffer("n_modalities", counts, persistent=False)  # [n_items, 1]
        for table in (self.user_table, self.item_table):
            nn.init.xavier_uniform_(table)

    def forward(self) -> Representations:
        """Encode all users and items, [n_users, d] and [n_items, d]."""
        views = torch.stack([project() for project in self.projections])  # [M, n_items, d]
        said = views.sum(dim=0) / self.n_modalities  # a missing modality counts nowhere
        return Representations(
            self.user_table, self.item_table + self.settings.feature_scale * said
        )

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return the objective of one training batch, a scalar."""
        users, positives, negatives = self.batch_ids(interaction)
        scores = pair_scores(self.forward(), users, positives, negatives)
        items = self.item_table[positives], self.item_table[negatives]
        penalty = squared_norm(self.user_table[users], *items)
        return bpr_loss(*scores) + self.settings.reg_weight * penalty


if __name__ == "__main__":
    try:
        run_recbole(FeatureMF, "ml-100k-mm", config_dict={"epochs": 5, "learning_rate": 0.003})
    except UserError as error:
        raise SystemExit(f"error: {error}") from None
