"""DRepMRec: a Behavior Line and a Modal Line that meet only after each has its representations."""

from typing import Any

import torch
from torch import Tensor

from recbole_drepmrec.data.dataset import MultimodalDataset
from recbole_drepmrec.data.features import PreparedFeatures
from recbole_drepmrec.graph import Graph, SparseMatrix, normalised_bipartite
from recbole_drepmrec.model.base import (
    MultimodalRecommender,
    graph_folder,
    total,
    training_interactions,
)
from recbole_drepmrec.model.relations import item_graph, user_graph
from recbole_drepmrec.nn import (
    BehaviorLine,
    BehaviorModalAlignment,
    Fusion,
    ModalityInputs,
    ModalLine,
    ModalOutput,
    Representations,
    SimilaritySupervisedSignal,
    bpr_loss,
    squared_norm,
)
from recbole_drepmrec.settings import DRepMRecSettings


class DRepMRec(MultimodalRecommender):
    """Dual representation learning for multimodal recommendation. [paper]

        L = BPR(fused) + l_reg ||E^(0)||^2 / 2B
            + l_intra L_intra + l_inter L_inter + l_sss sum_m L_sss        [ours]

    The Behavior Line knows IDs and interactions only, the Modal Line features and relation graphs;
    no parameter is shared (except under ``gate: behavior``, which couples them). They meet in
    BPR(fused) and in L_inter. Scores are dot products of the fused vectors.

    Args:
        config: The resolved configuration.
        dataset: The training split.

    Source: arXiv 2404.11119.
    """

    settings_class = DRepMRecSettings

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        self.settings = DRepMRecSettings.from_config(config)
        interactions = training_interactions(dataset)
        self.behavior_line = self._behavior_line(interactions)
        self.modal_line: ModalLine | None = None
        self.signals = torch.nn.ModuleList()
        self._preparation: dict[str, dict[str, Any]] = {}
        if self.settings.use_modal_line:
            prepared = dataset.prepared_features(self.settings.feature_norm)
            self._preparation = {
                name: {
                    "norm": self.settings.feature_norm,
                    "mean": features.mean,
                    "sha256": dataset.modal_features[name].sha256,
                }
                for name, features in prepared.items()
            }
            self.modal_line = self._modal_line(config, interactions, prepared)
            self.signals = self._similarity_signals(prepared)
        fusion = Fusion(self.settings.fusion, self.settings.modal_scale)
        self.bma = BehaviorModalAlignment(
            fusion, self.settings.temperature, self.settings.inter_one_way
        )

    def _behavior_line(self, interactions: Graph) -> BehaviorLine | None:
        settings = self.settings
        if not settings.use_behavior_line:
            return None
        adjacency = SparseMatrix(normalised_bipartite(interactions), symmetric=True)
        return BehaviorLine(
            adjacency, self.n_users, self.n_items, settings.embedding_size, settings.n_layers
        )

    def _modal_line(
        self, config: Any, interactions: Graph, prepared: dict[str, PreparedFeatures]
    ) -> ModalLine:
        settings, folder = self.settings, graph_folder(config)
        inputs = []
        for name, features in prepared.items():
            items = users = None
            if settings.item_graph == "knn":
                items = item_graph(
                    features, settings.item_graph_k, settings.item_graph_self_loop, folder
                )
            users = user_graph(
                settings.user_graph,
                features,
                interactions,
                settings.user_graph_k,
                settings.user_graph_self_loop,
                folder,
            )
            inputs.append(
                ModalityInputs(
                    name,
                    features.values,
                    features.present,
                    SparseMatrix(items) if items else None,
                    SparseMatrix(users) if users else None,
                )
            )
        return ModalLine(
            inputs,
            SparseMatrix(interactions),
            settings.embedding_size,
            settings.gate,
            settings.item_graph_layers,
        )

    def _similarity_signals(self, prepared: dict[str, PreparedFeatures]) -> torch.nn.ModuleList:
        settings = self.settings
        if not settings.use_sss or settings.sss == "off" or settings.sss_weight == 0:
            return torch.nn.ModuleList()
        return torch.nn.ModuleList(
            SimilaritySupervisedSignal(features.values, settings.sss, settings.sss_samples)
            for features in prepared.values()
        )

    def feature_preparation(self) -> dict[str, dict[str, Any]]:
        """Norm, mean and file hash of each modality."""
        return self._preparation

    def lines(self) -> tuple[Representations | None, ModalOutput | None]:
        """Run both lines; None for one that is switched off."""
        behavior = self.behavior_line() if self.behavior_line is not None else None
        if self.modal_line is None:
            return behavior, None
        table = self.behavior_line.item_embedding if self.behavior_line is not None else None
        return behavior, self.modal_line(table)

    def forward(self) -> Representations:
        """Encode all users and items: the lines fused, or the one that is switched on."""
        behavior, modal = self.lines()
        if behavior is not None and modal is not None:
            fused: Representations = self.bma.fuse(behavior, modal.fused)
            return fused
        return behavior if behavior is not None else modal.fused  # type: ignore[union-attr]

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return the objective of one training batch, a scalar."""
        users, positives, negatives = self.batch_ids(interaction)
        behavior, modal = self.lines()
        terms = [
            self._ranking_loss(behavior, modal, users, positives, negatives),
            self.settings.reg_weight * self._regularisation(users, positives, negatives),
        ]
        if behavior is not None and modal is not None and self.settings.use_bma:
            terms += self._alignment_losses(behavior, modal.fused, users, positives)
        if modal is not None:
            terms += [
                self.settings.sss_weight * signal(view)
                for signal, view in zip(self.signals, modal.item_views, strict=False)
            ]
        return total(terms)

    def _ranking_loss(
        self,
        behavior: Representations | None,
        modal: ModalOutput | None,
        users: Tensor,
        positives: Tensor,
        negatives: Tensor,
    ) -> Tensor:
        """BPR on the fused vectors of the batch, leave-one-out if asked for."""
        modal_users = None
        if modal is not None and self.modal_line is not None:
            modal_users = (
                self.modal_line.leave_one_out(modal, users, positives)
                if self.settings.leave_one_out
                else modal.fused.users[users]
            )
        of_users = self._fuse(behavior.users[users] if behavior else None, modal_users)
        scores = []
        for items in (positives, negatives):
            of_items = self._fuse(
                behavior.items[items] if behavior else None,
                modal.fused.items[items] if modal else None,
            )
            scores.append((of_users * of_items).sum(-1))
        return bpr_loss(*scores)

    def _fuse(self, behavior: Tensor | None, modal: Tensor | None) -> Tensor:
        if behavior is not None and modal is not None:
            fused: Tensor = self.bma.fusion(behavior, modal)
            return fused
        return behavior if behavior is not None else modal  # type: ignore[return-value]

    def _regularisation(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """L2 of the embedding rows that this batch reads, of whichever tables there are."""
        rows = []
        if self.behavior_line is not None:
            table = self.behavior_line.item_embedding
            rows += [self.behavior_line.user_embedding[users], table[positives], table[negatives]]
        if self.modal_line is not None and self.modal_line.item_table is not None:
            rows += [self.modal_line.item_table[positives], self.modal_line.item_table[negatives]]
        return squared_norm(*rows) if rows else torch.zeros((), device=users.device)

    def _alignment_losses(
        self, behavior: Representations, modal: Representations, users: Tensor, positives: Tensor
    ) -> list[Tensor]:
        settings, terms = self.settings, []
        if settings.use_intra and settings.intra_weight > 0:
            intra = self.bma.intra(behavior, modal, users, positives)
            terms.append(settings.intra_weight * intra)
        if settings.use_inter and settings.inter_weight > 0:
            inter = self.bma.inter(behavior, modal, users, positives)
            terms.append(settings.inter_weight * inter)
        return terms
