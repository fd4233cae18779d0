"""GRCN: convolution of the ID embeddings over edges that the modalities have refined."""

from collections.abc import Iterable
from typing import Any, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from recbole_drepmrec.data.dataset import MultimodalDataset
from recbole_drepmrec.data.features import FeatureNorm
from recbole_drepmrec.model.base import (
    MultimodalRecommender,
    pair_scores,
    training_interactions,
)
from recbole_drepmrec.nn import (
    EdgeSet,
    EdgeWeighting,
    FeatureProjection,
    IdTables,
    Integration,
    NeighbourRouting,
    Pruning,
    Representations,
    bpr_loss,
    squared_norm,
    unit_length,
)
from recbole_drepmrec.settings import NotNegative, Positive, Settings, Weight


class GRCNSettings(Settings):
    """Keys of GRCN; ``properties/model/GRCN.yaml`` holds their defaults."""

    embedding_size: Positive = Field(description="Size of the ID embeddings.")
    latent_size: Positive = Field(description="Size of each modality's representations.")
    feature_norm: FeatureNorm = Field(description="Preparation of the raw features.")
    n_layers: NotNegative = Field(description="Graph convolution layers of the ID embeddings.")
    n_routing: NotNegative = Field(description="Rounds of neighbour routing.")
    integration: Integration = Field(description="How the modalities' affinities are joined.")
    pruning: Pruning = Field(description="What becomes of edge weights below zero.")
    reg_weight: Weight = Field(description="Weight of the L2 penalty of the tables.")


class GRCN(MultimodalRecommender):
    """Graph-refined convolution: edges weigh what the modalities think of them. [paper]

        p_u^m, a^m      by neighbour routing in each modality, see ``NeighbourRouting``
        w_{i->u}        = max_m c_i^m a_ui^m, and the reverse, see ``EdgeWeighting``
        x^(l+1)_u       = sum_{i in N_u} w_{i->u} x^(l)_i, items alike, x^(0) = ID / ||ID||
        representation  = [ sum_l x^(l) ; content^1 ; ... ; content^M ]
        L               = BPR + l_reg ||ID, p^(0)||^2 / 2B

    Gradients reach the edge weights and through them features and prototypes. Where the paper
    leaves a choice, the published code was followed: vectors of length one before routing and
    convolution, two layers, three rounds of routing, ``soft`` pruning (weights as they are, its
    own runs), no dropout of edges. Its penalty is a mean over elements, not the sum over d that
    ``reg_weight`` counts [ours].

    An item without a modality takes no part in its routing, its softmax or its maximum, and adds
    nothing to the score there [ours]. Features are frozen.

    Args:
        config: The resolved configuration.
        dataset: The training split.

    Source: Wei et al., Graph-Refined Convolutional Network for Multimedia Recommendation with
        Implicit Feedback, MM 2020.
    """

    settings: GRCNSettings
    settings_class = GRCNSettings
    routings: Iterable[NeighbourRouting]

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        settings = self.settings
        features = self.prepared_features(dataset, settings.feature_norm)
        self.edges = EdgeSet(training_interactions(dataset))
        projections = [
            FeatureProjection(one.values, one.present, settings.latent_size)
            for one in features.values()
        ]
        routings = [NeighbourRouting(one, self.edges, settings.n_routing) for one in projections]
        self.routings = cast(Iterable[NeighbourRouting], nn.ModuleList(routings))
        self.weighting = EdgeWeighting(
            self.n_users, self.n_items, len(routings), settings.integration, settings.pruning
        )
        self.ids = IdTables(self.n_users, self.n_items, settings.embedding_size)

    def forward(self) -> Representations:
        """Encode all users and items: the refined ID embeddings beside each modality's content."""
        routed = [routing() for routing in self.routings]
        ids = self._convolved(*self.weighting(routed, self.edges))
        spaces = [ids, *(one.content for one in routed)]
        return Representations(
            torch.cat([space.users for space in spaces], dim=1),
            torch.cat([space.items for space in spaces], dim=1),
        )

    def _convolved(self, to_users: Tensor, to_items: Tensor) -> Representations:
        """Sum of the layers over the refined edges."""
        users, items = (unit_length(table) for table in self.ids.tables())
        sums = [users, items]
        for _ in range(self.settings.n_layers):
            users, items = (
                self.edges.sum_to_rows(to_users, items),
                self.edges.sum_to_columns(to_items, users),
            )
            sums = [sums[0] + users, sums[1] + items]
        return Representations(*sums)

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return BPR with the L2 penalty of the batch's rows, a scalar."""
        users, positives, negatives = self.batch_ids(interaction)
        scores = pair_scores(self(), users, positives, negatives)
        rows = self.ids.rows(users, positives, negatives)
        rows += [routing.preference[users] for routing in self.routings]
        return bpr_loss(*scores) + self.settings.reg_weight * squared_norm(*rows)
