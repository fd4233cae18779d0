"""The Modal Line with its signals and the alignment: what DRepMRec adds to behavior vectors."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from torch import Tensor, nn

from recbole_drepmrec.data.features import FeatureNorm, PreparedFeatures
from recbole_drepmrec.graph import Graph, NeighbourSearch, SparseMatrix
from recbole_drepmrec.model.ranking_settings import RankingSettings, ranking_loss
from recbole_drepmrec.model.relations import UserGraph, item_graph, user_graph
from recbole_drepmrec.nn import (
    Batch,
    BehaviorModalAlignment,
    Fusion,
    FusionKind,
    GateKind,
    ModalityInputs,
    ModalLine,
    ModalOutput,
    RankingLoss,
    Representations,
    SimilarityKept,
    SimilaritySupervisedSignal,
    SimilarityTracker,
    by_cosines,
)
from recbole_drepmrec.settings import AboveZero, Positive, Weight

# YAML 1.1 reads a bare `off` as False.
SignalChoice = Annotated[
    Literal["gram", "sampled", "off"], BeforeValidator(lambda v: "off" if v is False else v)
]


class ModalSideSettings(RankingSettings):
    """Keys of the Modal Line, of SSS and of BMA."""

    feature_norm: FeatureNorm = Field(description="Preparation of the raw features.")
    features_on: Literal["device", "host"] = Field(description="Where the features are kept.")
    gate: GateKind = Field(description="What the filter gate lets through.")
    item_graph: Literal["knn", "none"] = Field(description="Item-item relation graph.")
    item_graph_k: Positive = Field(description="Neighbours of an item.")
    item_graph_layers: Positive = Field(description="Propagation steps over the item-item graph.")
    item_graph_self_loop: bool = Field(description="Whether an item is its own neighbour too.")
    user_graph: UserGraph = Field(description="User-user relation graph.")
    user_graph_k: Positive = Field(description="Neighbours of a user.")
    user_graph_self_loop: bool = Field(description="Whether a user is their own neighbour too.")
    leave_one_out: bool = Field(description="Score training pairs without the positive item.")
    fusion: FusionKind = Field(description="How the two lines are joined.")
    modal_scale: AboveZero = Field(description="Factor of the modal vectors in the fusion.")
    use_bma: bool = Field(description="Ablation: False fuses without aligning.")
    use_intra: bool = Field(description="Ablation: intra-alignment.")
    use_inter: bool = Field(description="Ablation: inter-alignment.")
    intra_weight: Weight = Field(description="Weight of the intra-alignment.")
    inter_weight: Weight = Field(description="Weight of the inter-alignment.")
    inter_one_way: bool = Field(description="Whether only the modal side moves.")
    temperature: AboveZero = Field(description="Temperature of the InfoNCE.")
    use_sss: bool = Field(description="Ablation: Similarity-Supervised Signal.")
    sss: SignalChoice = Field(description="All pairs exactly, drawn ones, or none.")
    sss_samples: Annotated[int, Field(ge=2)] = Field(description="Items drawn by `sampled`.")
    sss_weight: Weight = Field(description="Weight of the signal, summed over modalities.")


class ModalSide(nn.Module):
    """Modal Line, Similarity-Supervised Signal and Behavior-Modal Alignment, for any behavior side.

        L = L_rank + l_intra L_intra + l_inter L_inter + l_sss sum_m L_sss        [ours]

        L_rank    of the fused vectors; with ``fusion: late`` L_rank(behavior) + L_rank(modal),
                  and the scores of an item are added: x^b + s^2 x^m

    An item without a training interaction is scored by its modal vector alone. [ours]

    Args:
        settings: How it is built.
        features: The prepared modalities, by name.
        interactions: R of the training split, [n_users, n_items].
        embedding_size: d, that of the behavior vectors.
        search: How neighbours are found and where they are kept.
        alone: Whether there is no behavior side.
    """

    def __init__(
        self,
        settings: ModalSideSettings,
        features: Mapping[str, PreparedFeatures],
        interactions: Graph,
        embedding_size: int,
        search: NeighbourSearch,
        alone: bool = False,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.modal_line = ModalLine(
            [_inputs(settings, name, one, interactions, search) for name, one in features.items()],
            interactions,
            embedding_size,
            settings.gate,
            settings.item_graph_layers,
        )
        self.signals = _signals(settings, features)
        self._trackers: list[SimilarityTracker] = []  # made once they are asked for
        self.ranking = ranking_loss(settings, interactions)  # under `late` of the modal vectors
        self.all_trained = int(self.ranking.untrained.sum()) <= 1  # the padding item never is
        apart = settings.fusion == "late" and not alone
        self.behavior_ranking = ranking_loss(settings, interactions) if apart else None
        self.bma = BehaviorModalAlignment(
            Fusion(settings.fusion, settings.modal_scale),
            settings.temperature,
            settings.inter_one_way,
        )

    def forward(self, behavior_items: Tensor | None = None) -> ModalOutput:
        """Run the Modal Line.

        Args:
            behavior_items: Item embeddings of the behavior side, read by ``gate: behavior`` only.
        """
        output: ModalOutput = self.modal_line(behavior_items)
        return output

    def of_batch(self, batch: Batch, behavior_items: Tensor | None = None) -> ModalOutput:
        """Run the Modal Line for a batch.

        Args:
            batch: The training pairs.
            behavior_items: Item embeddings of the behavior side, read by ``gate: behavior`` only.
        """
        return self.modal_line.of_batch(batch, behavior_items)

    def similarity_kept(self, behavior_items: Tensor | None = None) -> dict[str, SimilarityKept]:
        """How much of each modality's similarity its item representations keep.

        Args:
            behavior_items: Item embeddings of the behavior side, read by ``gate: behavior`` only.

        Returns:
            Modality to what is kept; one that fewer than two items have is left out.
        """
        if not self._trackers:
            self._trackers = [
                SimilarityTracker(e.features.values) for e in self.modal_line.encoders
            ]
        views = self.modal_line.item_views(behavior_items)
        found = [track(view) for track, view in zip(self._trackers, views, strict=True)]
        names = self.modal_line.names
        return {name: one for name, one in zip(names, found, strict=True) if one is not None}

    def fuse(self, behavior: Representations | None, modal: ModalOutput) -> Representations:
        """Return the users and items that are scored: fused, or modal without a behavior side."""
        if behavior is None:
            return self.ranking.scoring(modal.fused)
        fused = self.bma.fuse(self.trained(behavior), modal.fused)
        if self.behavior_ranking is None:
            return self.ranking.scoring(fused)
        levels, weights = self._added_levels(self.behavior_ranking), self.cosine_weights()
        if levels is None or weights is None:
            return fused
        return by_cosines(fused, weights, levels, self.settings.ranking_temperature)

    def _added_levels(self, behavior_ranking: RankingLoss) -> Tensor | None:
        """How popular items are by both lines, [n_items]; None under ``bpr``."""
        levels, modal_levels = behavior_ranking.levels(), self.ranking.levels()
        if levels is None or modal_levels is None:
            return None
        return levels + self.settings.modal_scale**2 * modal_levels

    def cosine_weights(self) -> tuple[float, ...] | None:
        """The lengths of the blocks, equally wide, of the vectors that score; None for any length.

        Under ``ranking_loss: softmax`` that is 1 for the whole vector, and with ``fusion: late``
        1 for its behavior half and s for its modal half; popularity stands after them.
        """
        weights = self.ranking.cosine_weights()
        if weights is None or self.behavior_ranking is None:
            return weights
        return (*weights, self.settings.modal_scale)

    def trained(self, behavior: Representations, item_ids: Tensor | None = None) -> Representations:
        """The behavior vectors, zero for items without a training interaction.

        No positive pair ever moves theirs from where it began; so the Modal Line alone scores them.

        Args:
            behavior: Users [U, d] and items [I, d].
            item_ids: Which items those are, [I]; None for all in their order.
        """
        if self.all_trained:
            return behavior
        untrained = self.ranking.untrained
        if item_ids is not None:
            untrained = untrained[item_ids]
        items = behavior.items.masked_fill(untrained.unsqueeze(1), 0.0)
        return Representations(behavior.users, items)

    def losses(
        self, behavior: Representations | None, modal: ModalOutput, batch: Batch
    ) -> list[Tensor]:
        """Return the weighted terms of L, scalars; the first are those of L_rank.

        Args:
            behavior: The batch's users [U, d] and items [I, d]; None for the modal side alone.
            modal: This step's output of ``of_batch``.
            batch: The training pairs.
        """
        modal_rows = modal.fused
        modal_pairs = batch.positive_pairs(modal_rows)
        ranked = modal_pairs
        if self.settings.leave_one_out:
            share = self.modal_line.share_of_item(modal, batch)
            ranked = Representations(modal_pairs.users - share, modal_pairs.items)
        if behavior is None:
            terms = [self.ranking(ranked, modal_rows.items, batch)]
        else:
            rows = self.trained(behavior, batch.items)
            pairs = batch.positive_pairs(rows)
            if self.behavior_ranking is None:
                items = self.bma.fusion(rows.items, modal_rows.items)
                terms = [self.ranking(self.bma.fuse(pairs, ranked), items, batch)]
            else:
                terms = [
                    self.behavior_ranking(pairs, rows.items, batch),
                    self.ranking(ranked, modal_rows.items, batch),
                ]
            terms += self._alignment_losses(rows, modal_rows, pairs, modal_pairs, batch)
        return terms + [
            self.settings.sss_weight * signal(view)
            for signal, view in zip(self.signals, modal.item_views, strict=False)
        ]

    def penalty(self, batch: Batch) -> Tensor | None:
        """The L2 penalty of the own item table's rows that a batch reads; None without a table.

        Args:
            batch: The training pairs.
        """
        table = self.modal_line.item_table
        return None if table is None else batch.squared_norm_of_items(table[batch.items])

    def _alignment_losses(
        self,
        behavior: Representations,
        modal: Representations,
        behavior_pairs: Representations,
        modal_pairs: Representations,
        batch: Batch,
    ) -> list[Tensor]:
        """L_intra of the pairs' rows, and L_inter of the batch's distinct ones."""
        settings = self.settings
        if not settings.use_bma:
            return []
        terms = []
        if settings.use_intra and settings.intra_weight > 0:
            intra = self.bma.intra_of_pairs(behavior_pairs, modal_pairs)
            terms.append(settings.intra_weight * intra)
        if settings.use_inter and settings.inter_weight > 0:
            inter = self.bma.inter(behavior, modal, batch.user, batch.positive)
            terms.append(settings.inter_weight * inter)
        return terms


def _inputs(
    settings: ModalSideSettings,
    name: str,
    features: PreparedFeatures,
    interactions: Graph,
    search: NeighbourSearch,
) -> ModalityInputs:
    items = None
    if settings.item_graph == "knn":
        items = item_graph(features, settings.item_graph_k, settings.item_graph_self_loop, search)
    users = user_graph(
        settings.user_graph,
        features,
        interactions,
        settings.user_graph_k,
        settings.user_graph_self_loop,
        search,
    )
    return ModalityInputs(
        name,
        features.values,
        features.present,
        SparseMatrix(items) if items else None,
        SparseMatrix(users) if users else None,
        settings.features_on == "host",
    )


def _signals(
    settings: ModalSideSettings, features: Mapping[str, PreparedFeatures]
) -> nn.ModuleList:
    kind = settings.sss
    if not settings.use_sss or kind == "off" or settings.sss_weight == 0:
        return nn.ModuleList()
    return nn.ModuleList(
        SimilaritySupervisedSignal(
            one.values, kind, settings.sss_samples, settings.features_on == "host"
        )
        for one in features.values()
    )
