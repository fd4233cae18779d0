"""MGCN: features purified by behavior, smoothed over item graphs, fused as behavior asks."""

from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from recbole_drepmrec.data.dataset import MultimodalDataset
from recbole_drepmrec.data.features import FeatureNorm, PreparedFeatures
from recbole_drepmrec.graph import NeighbourSearch, SparseMatrix, normalise_by_degrees
from recbole_drepmrec.model.base import neighbour_search, total, training_interactions
from recbole_drepmrec.model.ranked import RankedRecommender
from recbole_drepmrec.model.ranking_settings import RankingSettings, ranking_loss
from recbole_drepmrec.model.relations import published_item_graph
from recbole_drepmrec.nn import (
    Batch,
    BehaviorAwareFuser,
    BehaviorLine,
    ModalEncoder,
    ModalityInputs,
    Representations,
    distinct,
    info_nce,
    split,
)
from recbole_drepmrec.settings import AboveZero, NotNegative, Positive, Weight


class MGCNSettings(RankingSettings):
    """Keys of MGCN; ``properties/model/MGCN.yaml`` holds their defaults."""

    feature_norm: FeatureNorm = Field(description="Preparation of the raw features.")
    embedding_size: Positive = Field(description="d, size of all representations.")
    n_layers: NotNegative = Field(description="LightGCN layers on the user-item graph.")
    item_graph_k: Positive = Field(description="Entries of an item's row, itself among them.")
    item_graph_layers: Positive = Field(description="Propagation steps over each item graph.")
    reg_weight: Weight = Field(description="Weight of the L2 penalty of the batch's vectors.")
    cl_weight: Weight = Field(description="Weight of the InfoNCE.")
    temperature: AboveZero = Field(description="Temperature of the InfoNCE.")


class MGCN(RankedRecommender):
    """Multi-view graph convolutional network. [paper]

        E_id = LightGCN of the ID embeddings E^(0)
        H_m = E_i^(0) * sigmoid((F_m W_1 + b_1) W_2 + b_2)        behavior-guided purifier
        E_i,m = S_m H_m,   E_u,m = sum over u's items i of E_i,m / sqrt(|N_u| |N_i|)
        E = E_id + E_mul,   E_mul = fuser(E_m, E_id), see ``BehaviorAwareFuser``
        L = L_rank(E) + cl_weight L_C + reg_weight ||E||^2 / 2B,   L_rank = BPR as published
        L_C = InfoNCE(E_mul, E_id) over the batch's users + the same over its positive items

    S_m is LATTICE's frozen item graph, weighted by cosine. The published implementation divides
    E_mul by 3 where the paper does not, decays the step size and learns the features; here E_mul is
    the paper's, the step is constant and features are frozen. The penalty is of the scored vectors,
    as published. A user or an item stands in L_C once a batch, and not without a modality. [ours]

    Args:
        config: The resolved configuration.
        dataset: The training split.

    Source: Yu et al., Multi-View Graph Convolutional Network for Multimedia Recommendation,
        MM 2023.
    """

    settings: MGCNSettings
    settings_class = MGCNSettings
    present: Tensor

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        d = self.settings.embedding_size
        features = self.prepared_features(dataset, self.settings.feature_norm)
        interactions = training_interactions(dataset)
        self.ids = BehaviorLine(interactions, d, self.settings.n_layers)
        search = neighbour_search(config)
        self.encoders = nn.ModuleList(
            self._encoder(name, modality, search) for name, modality in features.items()
        )
        self.ranking = ranking_loss(self.settings, interactions)
        self.to_users = SparseMatrix(normalise_by_degrees(interactions))
        self.fuser = BehaviorAwareFuser(len(features), d)
        has = torch.stack([modality.present for modality in features.values()], dim=1)
        users_have = SparseMatrix(interactions)(has.float()) > 0  # [n_users, M]
        self.register_buffer("present", torch.cat([users_have, has]), persistent=False)

    def _encoder(
        self, name: str, features: PreparedFeatures, search: NeighbourSearch
    ) -> ModalEncoder:
        settings = self.settings
        graph = published_item_graph(features, settings.item_graph_k, False, search)
        inputs = ModalityInputs(name, features.values, features.present, SparseMatrix(graph))
        return ModalEncoder(inputs, settings.embedding_size, "behavior", settings.item_graph_layers)

    def single_views(self) -> tuple[Tensor, Tensor]:
        """E_id [n_users + n_items, d] and E_m [n_users + n_items, M, d], users first."""
        behavior = torch.cat(self.ids())
        items = [encoder(self.ids.item_embedding) for encoder in self.encoders]
        modal = torch.stack([torch.cat([self.to_users(view), view]) for view in items], dim=1)
        return behavior, modal

    def views(self) -> tuple[Tensor, Tensor]:
        """E_id and E_mul, users first, each [n_users + n_items, d]."""
        behavior, modal = self.single_views()
        return behavior, self.fuser(modal, self.present, behavior)

    def forward(self) -> Representations:
        """Encode all users and items: E_id + E_mul."""
        behavior, multimodal = self.views()
        return split(behavior + multimodal, self.ids.tables())

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return the objective of one training batch, a scalar."""
        batch = Batch.of(*self.batch_ids(interaction))
        # the fuser takes each row by itself, and the loss reads those of the batch only
        nodes = torch.cat([batch.users, self.n_users + batch.items])
        behavior, modal, present = (table[nodes] for table in (*self.single_views(), self.present))
        multimodal = self.fuser(modal, present, behavior)
        users, items = torch.split(behavior + multimodal, [len(batch.users), len(batch.items)])
        rows = Representations(users, items)
        ranking: Tensor = self.ranking(batch.positive_pairs(rows), items, batch)
        penalty = batch.squared_norm(rows)
        contrast = total(
            self._contrast(behavior, multimodal, present.any(1), places)
            for places in (batch.user, len(batch.users) + batch.positive)
        )
        settings = self.settings
        return ranking + settings.cl_weight * contrast + settings.reg_weight * penalty

    def _contrast(
        self, behavior: Tensor, multimodal: Tensor, present: Tensor, places: Tensor
    ) -> Tensor:
        """InfoNCE over the distinct rows, of those that are read, which have a modality."""
        found = distinct(places)
        there = found.counted_if(present[found.ids])
        rows = (multimodal[found.ids], behavior[found.ids])
        return info_nce(*rows, self.settings.temperature, counted=there)
