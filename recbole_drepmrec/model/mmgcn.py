"""MMGCN: a graph convolution a modality, tied together by the ID embeddings."""

from collections.abc import Iterable
from typing import Any, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from recbole_drepmrec.data.dataset import MultimodalDataset
from recbole_drepmrec.data.features import FeatureNorm, PreparedFeatures
from recbole_drepmrec.graph import Graph, SparseMatrix, mean_by_row
from recbole_drepmrec.model.base import (
    MultimodalRecommender,
    pair_scores,
    training_interactions,
)
from recbole_drepmrec.nn import (
    Combination,
    FeatureProjection,
    IdTables,
    ModalityConvolution,
    Representations,
    bpr_loss,
    squared_norm,
    unit_length,
)
from recbole_drepmrec.settings import Positive, Settings, Weight


class MMGCNSettings(Settings):
    """Keys of MMGCN; ``properties/model/MMGCN.yaml`` holds their defaults."""

    embedding_size: Positive = Field(description="d, size of the representations.")
    latent_size: Positive = Field(description="Size of the preferences and projected features.")
    feature_norm: FeatureNorm = Field(description="Preparation of the raw features.")
    n_layers: Positive = Field(description="Graph convolution layers of each modality.")
    combination: Combination = Field(description="How neighbourhood and own vector are joined.")
    reg_weight: Weight = Field(description="Weight of the L2 penalty of the tables.")


class ModalityTower(nn.Module):
    """One modality: users' preferences, items' projected features, the layers over both.

    Args:
        settings: Sizes and layers.
        features: The prepared modality.
        interactions: R of the training split, [n_users, n_items].
    """

    def __init__(
        self, settings: MMGCNSettings, features: PreparedFeatures, interactions: Graph
    ) -> None:
        super().__init__()
        self.projection = FeatureProjection(features.values, features.present, settings.latent_size)
        self.preference = nn.Parameter(torch.empty(interactions.shape[0], settings.latent_size))
        # an item without the modality has no vector to send, and no part in a mean
        seen = interactions.to_columns(features.present)
        self.convolution = ModalityConvolution(
            SparseMatrix(mean_by_row(seen)),
            SparseMatrix(mean_by_row(seen.transposed())),
            settings.latent_size,
            settings.embedding_size,
            settings.n_layers,
            settings.combination,
        )
        nn.init.xavier_uniform_(self.preference)

    def forward(self, ids: Representations) -> Representations:
        """Return users [n_users, d] and items [n_items, d], zero for those without the modality.

        Args:
            ids: ID embeddings, users [n_users, d] and items [n_items, d].
        """
        users, items = unit_length(self.preference), unit_length(self.projection())
        output: Representations = self.convolution(Representations(users, items), ids)
        present = self.projection.present.unsqueeze(-1)
        return Representations(output.users, torch.where(present, output.items, 0.0))


class MMGCN(MultimodalRecommender):
    """Multi-modal graph convolution: each modality has its own user-item graph. [paper]

        x_i = W F_i + b, x_u a learnt preference, then L times for users and items alike
        h  = LeakyReLU( mean_{j in N} W1 x_j )                   aggregation
        x^ = LeakyReLU( W2 x ) + x_id                            x_id shared by the modalities
        x' = LeakyReLU( W3 h + x^ )                              combination ``sum``
             LeakyReLU( W3 [h ; x^] )                            combination ``concat``
        representation = mean over modalities of x^(L),   L = BPR + l_reg ||x_id, x_u||^2 / 2B

    Where paper and published code differ, the code was followed: x_u and x_i are scaled to length
    one before the first layer, and modalities are averaged, not summed. Its runs use the
    element-wise combination, two layers and sizes of 64, the defaults here. Its penalty is a mean
    over elements, not the sum over d that ``reg_weight`` counts [ours].

    An item without a modality is no node of its graph and is averaged over those it has; one with
    none at all is its ID embedding [ours]. Features are frozen.

    Args:
        config: The resolved configuration.
        dataset: The training split.

    Source: Wei et al., MMGCN: Multi-modal Graph Convolution Network for Personalized
        Recommendation of Micro-video, MM 2019.
    """

    settings: MMGCNSettings
    settings_class = MMGCNSettings
    towers: Iterable[ModalityTower]
    item_counts: Tensor

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        size = self.settings.embedding_size
        features = self.prepared_features(dataset, self.settings.feature_norm)
        interactions = training_interactions(dataset)
        towers = [ModalityTower(self.settings, one, interactions) for one in features.values()]
        self.towers = cast(Iterable[ModalityTower], nn.ModuleList(towers))
        self.ids = IdTables(self.n_users, self.n_items, size)
        counts = torch.stack([one.present for one in features.values()]).sum(0).unsqueeze(-1)
        self.register_buffer("item_counts", counts, persistent=False)  # [n_items, 1]

    def forward(self) -> Representations:
        """Encode all users and items: the mean of their modalities."""
        ids = self.ids.tables()
        views = [tower(ids) for tower in self.towers]
        users = torch.stack([view.users for view in views]).mean(0)
        items = torch.stack([view.items for view in views]).sum(0) / self.item_counts.clamp(min=1)
        return Representations(users, torch.where(self.item_counts > 0, items, ids.items))

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return BPR with the L2 penalty of the batch's rows, a scalar."""
        users, positives, negatives = self.batch_ids(interaction)
        scores = pair_scores(self(), users, positives, negatives)
        rows = self.ids.rows(users, positives, negatives)
        rows += [tower.preference[users] for tower in self.towers]
        return bpr_loss(*scores) + self.settings.reg_weight * squared_norm(*rows)
