"""Networks and losses, in torch only: the two lines, what joins them, and parts of other models."""

from recbole_drepmrec.nn.alignment import Alignment, BehaviorModalAlignment
from recbole_drepmrec.nn.batch import Batch
from recbole_drepmrec.nn.behavior_aware_fuser import BehaviorAwareFuser
from recbole_drepmrec.nn.behavior_line import BehaviorLine, BehaviorRows
from recbole_drepmrec.nn.distinct_ids import Distinct, DistinctInParts, distinct, distinct_in_parts
from recbole_drepmrec.nn.edges import EdgeSet
from recbole_drepmrec.nn.exponentials import BiasedVectors
from recbole_drepmrec.nn.filter_gate import OWN_TABLE, FilterGate, GateKind
from recbole_drepmrec.nn.fine_coarse import FineCoarseAlignment
from recbole_drepmrec.nn.frozen_matrix import FrozenMatrix
from recbole_drepmrec.nn.fusion import Fusion, FusionKind
from recbole_drepmrec.nn.graph_refining import (
    EdgeWeighting,
    Integration,
    NeighbourRouting,
    Pruning,
    Routed,
)
from recbole_drepmrec.nn.hypergraph import HypergraphPassing
from recbole_drepmrec.nn.id_tables import IdTables
from recbole_drepmrec.nn.losses import (
    bpr_loss,
    cosine_distance,
    info_nce,
    softmax_loss,
    squared_norm,
)
from recbole_drepmrec.nn.mined_graph import MinedItemGraph, ModalityGraph
from recbole_drepmrec.nn.modal_line import (
    ModalEncoder,
    ModalityInputs,
    ModalLine,
    ModalOutput,
)
from recbole_drepmrec.nn.modal_parts import (
    BEHAVIOR,
    ENCODED,
    FUSED,
    POPULARITY,
    modality_parts,
    part_name,
)
from recbole_drepmrec.nn.modality_convolution import (
    Combination,
    ModalityConvolution,
    ModalityLayer,
)
from recbole_drepmrec.nn.modality_preferences import ModalityGCN, ModalityPreferences
from recbole_drepmrec.nn.projection import FeatureProjection
from recbole_drepmrec.nn.propagation import light_gcn, smooth, split, summed
from recbole_drepmrec.nn.ranking import RankingKind, RankingLoss, by_cosines
from recbole_drepmrec.nn.representations import Representations
from recbole_drepmrec.nn.similarity_kept import SimilarityKept, SimilarityTracker
from recbole_drepmrec.nn.similarity_signal import SignalKind, SimilaritySupervisedSignal
from recbole_drepmrec.nn.unit_rows import unit_length

__all__ = [
    "BEHAVIOR",
    "ENCODED",
    "FUSED",
    "OWN_TABLE",
    "POPULARITY",
    "Alignment",
    "Batch",
    "BehaviorAwareFuser",
    "BehaviorLine",
    "BehaviorModalAlignment",
    "BehaviorRows",
    "BiasedVectors",
    "Combination",
    "Distinct",
    "DistinctInParts",
    "EdgeSet",
    "EdgeWeighting",
    "FeatureProjection",
    "FilterGate",
    "FineCoarseAlignment",
    "FrozenMatrix",
    "Fusion",
    "FusionKind",
    "GateKind",
    "HypergraphPassing",
    "IdTables",
    "Integration",
    "MinedItemGraph",
    "ModalEncoder",
    "ModalLine",
    "ModalOutput",
    "ModalityConvolution",
    "ModalityGCN",
    "ModalityGraph",
    "ModalityInputs",
    "ModalityLayer",
    "ModalityPreferences",
    "NeighbourRouting",
    "Pruning",
    "RankingKind",
    "RankingLoss",
    "Representations",
    "Routed",
    "SignalKind",
    "SimilarityKept",
    "SimilaritySupervisedSignal",
    "SimilarityTracker",
    "bpr_loss",
    "by_cosines",
    "cosine_distance",
    "distinct",
    "distinct_in_parts",
    "info_nce",
    "light_gcn",
    "modality_parts",
    "part_name",
    "smooth",
    "softmax_loss",
    "split",
    "squared_norm",
    "summed",
    "unit_length",
]
