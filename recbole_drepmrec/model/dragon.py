"""DRAGON: preferences in each modality, smoothed over graphs of users alike and of items alike."""

from collections.abc import Mapping

from pydantic import Field

from recbole_drepmrec.data.features import PreparedFeatures
from recbole_drepmrec.graph import Graph, NeighbourSearch, SparseMatrix
from recbole_drepmrec.model.dualgnn import DualGNN, DualGNNSettings
from recbole_drepmrec.model.relations import fused_item_graph
from recbole_drepmrec.nn import Representations, smooth
from recbole_drepmrec.settings import NotNegative, Positive, Weight


class DRAGONSettings(DualGNNSettings):
    """Keys of DRAGON; ``properties/model/DRAGON.yaml`` holds their defaults."""

    item_graph_k: Positive = Field(description="Neighbours of an item, itself among them.")
    item_graph_layers: NotNegative = Field(description="Propagation steps over the item graph.")
    modality_weights: dict[str, Weight] | None = Field(description="Of the item graphs, by name.")


class DRAGON(DualGNN):
    """Dyadic relations enhanced by homogeneous graphs: of users alike, and of items alike.

        X^m = sum over layers of the modality's GCN, as in DualGNN
        V_u = [alpha_u1 X_u^1 || ... || alpha_uM X_u^M],   V_i = [X_i^1 || ... || X_i^M]
        users = V_U + S_UU V_U,   items = V_I + S_II^L V_I
        L = BPR(users, items) + l_reg (mean P^2 + mean w^2)

    What it shares with DualGNN is inherited: the GCNs, the users' weights alpha, the graph S_UU of
    co-occurring users, the objective, and the differences to the authors' code. It concatenates the
    modalities (attentive concatenation) where DualGNN adds them, and has FREEDOM's frozen item
    graph S_II besides.

    Args:
        config: The resolved configuration.
        dataset: The training split.

    Source: Zhou et al., Enhancing Dyadic Relations with Homogeneous Graphs for Multimodal
        Recommendation, ECAI 2023.
    """

    settings: DRAGONSettings
    settings_class = DRAGONSettings

    def _build(
        self, features: Mapping[str, PreparedFeatures], interactions: Graph, search: NeighbourSearch
    ) -> None:
        super()._build(features, interactions, search)
        weights, k = self.settings.modality_weights, self.settings.item_graph_k
        self.item_graph = SparseMatrix(fused_item_graph(features, weights, k, search))

    def unsmoothed(self) -> Representations:
        """V of all users, and the items that score, each [n, M d]."""
        users, items = (rows.flatten(1) for rows in self.preferences())
        alike = smooth(self.item_graph, items, self.settings.item_graph_layers)
        return Representations(users, items + alike)
