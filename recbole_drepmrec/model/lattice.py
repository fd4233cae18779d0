"""LATTICE: item graphs mined from the features, learned along with the ranking."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

from recbole_drepmrec.data.dataset import MultimodalDataset
from recbole_drepmrec.data.features import FeatureNorm, PreparedFeatures
from recbole_drepmrec.graph import NeighbourSearch, SparseMatrix
from recbole_drepmrec.model.base import (
    MultimodalRecommender,
    neighbour_search,
    pair_scores,
    training_interactions,
)
from recbole_drepmrec.model.relations import published_item_graph
from recbole_drepmrec.nn import (
    BehaviorLine,
    FeatureProjection,
    MinedItemGraph,
    ModalityGraph,
    Representations,
    bpr_loss,
    smooth,
    squared_norm,
    unit_length,
)
from recbole_drepmrec.settings import NotNegative, Positive, Settings, Share, Weight


class LATTICESettings(Settings):
    """Keys of LATTICE; ``properties/model/LATTICE.yaml`` holds their defaults."""

    embedding_size: Positive = Field(description="d, size of all representations.")
    n_layers: NotNegative = Field(description="LightGCN layers on the user-item graph.")
    reg_weight: Weight = Field(description="Weight of the L2 penalty of the batch's vectors.")
    feature_norm: FeatureNorm = Field(description="Preparation of the raw features.")
    item_graph_k: Annotated[int, Field(ge=2)] = Field(description="Neighbours, itself included.")
    item_graph_layers: Positive = Field(description="Propagation steps over the item graph.")
    skip_weight: Share = Field(description="lambda, share of the raw features' graph.")


class LATTICE(MultimodalRecommender):
    """Mining latent structures: item graphs of the features, mined anew as their projection learns.

        A = sum_m alpha_m (lambda S^m + (1 - lambda) A^m)
        H^(l+1) = A H^(l),   H^(0) = E_I
        users = X_U,   items = X_I + H^(L) / ||H^(L)||,   (X_U, X_I) = LightGCN(E_U, E_I)
        L = BPR(users, items) + l_reg (||users||^2 + ||items||^2) / 2B

    S^m is the graph of the k highest cosines of the raw features, A^m that of their learned
    projection, alpha a softmax over modalities. The first batch of an epoch builds A and passes a
    gradient to the projections and to alpha; the batches after it use the same A. Scores come from
    an A built of the current parameters.

    The neighbours in A^m are found in blocks of rows, so no matrix of all pairs is held. The L2
    penalty and the schedule of A are the authors' code's; it trains the features F^m as well, which
    are frozen here.

    Args:
        config: The resolved configuration.
        dataset: The training split.

    Source: Zhang et al., Mining Latent Structures for Multimedia Recommendation, MM 2021.
    """

    settings: LATTICESettings
    settings_class = LATTICESettings

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        settings = self.settings
        self.behavior_line = BehaviorLine(
            training_interactions(dataset), settings.embedding_size, settings.n_layers
        )
        features = self.prepared_features(dataset, settings.feature_norm)
        self.item_graph = MinedItemGraph(
            [_modality_graph(settings, one, neighbour_search(config)) for one in features.values()]
        )
        self.kept_graph: SparseMatrix | None = None

    def start_epoch(self) -> None:
        """Forget the item graph, so that the first batch builds it of the current parameters."""
        self.kept_graph = None

    def forward(self) -> Representations:
        """Encode all users and items, over an item graph of the current parameters."""
        return self._encode(self.item_graph().product)

    def training_vectors(self) -> Representations:
        """Encode over the item graph of this epoch, which its first batch mines."""
        if self.kept_graph is not None:
            return self._encode(self.kept_graph)
        mined = self.item_graph()
        self.kept_graph = SparseMatrix(mined)
        return self._encode(mined.product)

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return the objective of one training batch, a scalar."""
        users, positives, negatives = self.batch_ids(interaction)
        encoded = self.training_vectors()
        rows = (encoded.users[users], encoded.items[positives], encoded.items[negatives])
        scores = pair_scores(encoded, users, positives, negatives)
        return bpr_loss(*scores) + self.settings.reg_weight * squared_norm(*rows)

    def _encode(self, item_graph: Callable[[Tensor], Tensor]) -> Representations:
        users, items = self.behavior_line()
        table, n_layers = self.behavior_line.item_embedding, self.settings.item_graph_layers
        alike = smooth(item_graph, table, n_layers)
        return Representations(users, items + unit_length(alike))


def _modality_graph(
    settings: LATTICESettings, features: PreparedFeatures, search: NeighbourSearch
) -> ModalityGraph:
    k = settings.item_graph_k
    projection = FeatureProjection(features.values, features.present, settings.embedding_size)
    raw = published_item_graph(features, k, binary=False, search=search)
    return ModalityGraph(projection, raw, k, settings.skip_weight)
