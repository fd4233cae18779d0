"""LGMRec: local graphs of IDs and modalities, and global hypergraphs over all users and items."""

from collections.abc import Iterable, Sequence
from itertools import combinations
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
    total,
    training_interactions,
)
from recbole_drepmrec.model.relations import modality_adjacency
from recbole_drepmrec.nn import (
    BehaviorLine,
    FeatureProjection,
    HypergraphPassing,
    Representations,
    bpr_loss,
    info_nce,
    smooth,
    split,
    squared_norm,
    summed,
    unit_length,
)
from recbole_drepmrec.settings import AboveZero, NotNegative, Positive, Settings, Share, Weight


class LGMRecSettings(Settings):
    """Keys of LGMRec; ``properties/model/LGMRec.yaml`` holds their defaults."""

    embedding_size: Positive = Field(description="d, size of all representations.")
    feature_norm: FeatureNorm = Field(description="Preparation of the raw features.")
    n_layers: NotNegative = Field(description="LightGCN layers of the ID embeddings.")
    n_modal_layers: NotNegative = Field(description="Propagation steps of the modal features.")
    n_hyper_layers: Positive = Field(description="Rounds over the hypergraphs.")
    n_hyperedges: Positive = Field(description="Hyperedges of each modality.")
    dropout: Share = Field(description="Memberships dropped.")
    temperature: AboveZero = Field(description="Of the Gumbel-softmax and of the contrast.")
    global_weight: Weight = Field(description="Weight of the global vectors.")
    contrast_weight: Weight = Field(description="Weight of the hypergraph contrastive loss.")
    reg_weight: Weight = Field(description="Weight of the L2 penalty of the embeddings.")


class ModalView(nn.Module):
    """One modality's local and global part.

    Args:
        settings: Sizes, layers and rates.
        features: The prepared modality.
        interactions: R of the training split, [n_users, n_items].
        matrix: The same for products.
        whole: The normalised user-item graph of all items.
    """

    def __init__(
        self,
        settings: LGMRecSettings,
        features: PreparedFeatures,
        interactions: Graph,
        matrix: SparseMatrix,
        whole: SparseMatrix,
    ) -> None:
        super().__init__()
        self.n_layers = settings.n_modal_layers
        values, present = features.values, features.present
        self.projection = FeatureProjection(values, present, settings.embedding_size)
        self.user_means = SparseMatrix(mean_by_row(interactions.to_columns(present)))
        self.adjacency = modality_adjacency(interactions, present, whole)
        self.hypergraph = HypergraphPassing(
            values,
            present,
            matrix,
            settings.n_hyperedges,
            settings.n_hyper_layers,
            settings.temperature,
            settings.dropout,
        )

    def local(self) -> Representations:
        """Modal features smoothed over the user-item graph: the last layer."""
        items = self.projection()
        initial = Representations(self.user_means(items), items)
        return split(smooth(self.adjacency, torch.cat(initial), self.n_layers), initial)


class LGMRec(MultimodalRecommender):
    """Local and global graph learning. [paper]

        E_id = LightGCN(ID)
        E^m  = A^L [ mean over u's items of W F_i ; W F_i ]        local, last layer
        G^m  = hypergraph passing of E_id's items                  global, ``HypergraphPassing``
        E    = E_id + sum_m E^m / ||E^m|| + alpha G / ||G||,   G = sum_m G^m
        L    = BPR + l_cl sum_{m<m'} L_HCL + l_reg ||ID||^2 / 2B

    L_HCL is the InfoNCE from G^m to G^m' of the batch's users over all users, and of its positive
    items over all items, summed over the batch as in the published code, whose weight this is (the
    paper's sums are over all of them); with more than two modalities it is averaged over the pairs
    [ours]. With one modality there is nothing to contrast, and no such term.

    The authors' own code scales the text memberships of users in the visual ones' place and leaves
    the text's unscaled, by a slip; here each is its own. Its penalty is of the encoded rows, by
    their lengths, not squared; ours is of the batch's ID embeddings [ours].

    An item without a modality has no edge in its local graph, no hyperedge and no part in its
    contrast [ours]. Features are frozen.

    Args:
        config: The resolved configuration.
        dataset: The training split.

    Source: Guo et al., LGMRec: Local and Global Graph Learning for Multimodal Recommendation,
        AAAI 2024; defaults are its settings on Amazon Baby.
    """

    settings: LGMRecSettings
    settings_class = LGMRecSettings
    views: Iterable[ModalView]

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        settings = self.settings
        features = self.prepared_features(dataset, settings.feature_norm)
        interactions = training_interactions(dataset)
        line = BehaviorLine(interactions, settings.embedding_size, settings.n_layers)
        self.behavior_line = line
        matrix, whole = SparseMatrix(interactions), line.adjacency
        views = [ModalView(settings, one, interactions, matrix, whole) for one in features.values()]
        self.views = cast(Iterable[ModalView], nn.ModuleList(views))

    def forward(self) -> Representations:
        """Encode all users and items: local vectors and weighted global ones."""
        return self._parts()[0]

    def _parts(self) -> tuple[Representations, list[Representations]]:
        """E, and G^m of each modality."""
        ids: Representations = self.behavior_line()
        local = [view.local() for view in self.views]
        far = [view.hypergraph(ids.items) for view in self.views]
        users, items = (
            own
            + summed([unit_length(one[side]) for one in local])
            + self.settings.global_weight * unit_length(summed([one[side] for one in far]))
            for side, own in enumerate(ids)
        )
        return Representations(users, items), far

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return the objective of one training batch, a scalar."""
        users, positives, negatives = self.batch_ids(interaction)
        encoded, far = self._parts()
        rows = self.behavior_line.rows(users, positives, negatives)
        loss = bpr_loss(*pair_scores(encoded, users, positives, negatives))
        loss = loss + self.settings.reg_weight * squared_norm(*rows)
        if len(far) > 1 and self.settings.contrast_weight > 0:
            contrast = self.contrast(far, users, positives)
            loss = loss + self.settings.contrast_weight * contrast
        return loss

    def contrast(self, far: Sequence[Representations], users: Tensor, items: Tensor) -> Tensor:
        """Return L_HCL, a scalar.

        Args:
            far: G^m of each modality.
            users: Users of the batch, [B].
            items: Their positive items, [B].
        """
        pairs = list(combinations(zip(far, self.views, strict=True), 2))
        temperature, terms = self.settings.temperature, []
        for (one, view), (other, other_view) in pairs:
            graph, other_graph = view.hypergraph, other_view.hypergraph
            has = graph.user_present & other_graph.user_present
            terms.append(_contrast(one.users, other.users, users, has, temperature))
            has = graph.present & other_graph.present
            terms.append(_contrast(one.items, other.items, items, has, temperature))
        return total(terms) / len(pairs)


def _contrast(one: Tensor, other: Tensor, ids: Tensor, has: Tensor, temperature: float) -> Tensor:
    """Summed InfoNCE of the batch's rows over all rows that both modalities have."""
    return info_nce(one[ids], other, temperature, ids, has) * has[ids].sum()
