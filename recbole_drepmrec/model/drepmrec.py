"""DRepMRec: a Behavior Line and a Modal Line that meet only after each has its representations."""

from typing import Any, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from recbole_drepmrec.data.dataset import MultimodalDataset
from recbole_drepmrec.model.base import neighbour_search, total, training_interactions
from recbole_drepmrec.model.modal_side import ModalSide, ModalSideSettings
from recbole_drepmrec.model.ranking_settings import ranking_loss
from recbole_drepmrec.model.two_lines import TwoLineRecommender
from recbole_drepmrec.nn import (
    Batch,
    BehaviorLine,
    BehaviorRows,
    ModalOutput,
    RankingLoss,
    Representations,
)
from recbole_drepmrec.settings import NotNegative, Positive, Weight


class DRepMRecSettings(ModalSideSettings):
    """Keys of DRepMRec; ``properties/model/DRepMRec.yaml`` holds their defaults."""

    embedding_size: Positive = Field(description="d, size of all representations.")
    n_layers: NotNegative = Field(description="LightGCN layers of the Behavior Line.")
    reg_weight: Weight = Field(description="Weight of the L2 penalty of the embeddings.")
    use_behavior_line: bool = Field(description="Ablation: False scores by the Modal Line alone.")
    use_modal_line: bool = Field(description="Ablation: False leaves LightGCN.")

    @model_validator(mode="after")
    def _lines_that_the_rest_needs(self) -> Self:
        if not (self.use_behavior_line or self.use_modal_line):
            raise ValueError(
                "`use_behavior_line` and `use_modal_line` are both False; leave one of them True."
            )
        if self.gate == "behavior" and self.use_modal_line and not self.use_behavior_line:
            raise ValueError(
                "`gate: behavior` takes the Behavior Line's items, but `use_behavior_line` is "
                "False; set --gate=both, or leave the line on."
            )
        return self


class DRepMRec(TwoLineRecommender):
    """Dual representation learning for multimodal recommendation. [paper]

        L = L_rank(behavior) + L_rank(modal) + l_reg (||E^(0)||^2 + ||P_I||^2) / 2B
            + l_intra L_intra + l_inter L_inter + l_sss sum_m L_sss        [ours]

    The Behavior Line knows IDs and interactions only, the Modal Line features and relation graphs;
    no parameter is shared (except under ``gate: behavior``, which couples them). Under ``fusion:
    late`` they meet in L_inter and in the score, which adds theirs up; under any other fusion in
    one L_rank(fused) as well. Scores are dot products of what ``ModalSide.fuse`` makes.

    Args:
        config: The resolved configuration.
        dataset: The training split.

    Source: arXiv 2404.11119.
    """

    settings: DRepMRecSettings
    settings_class = DRepMRecSettings

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        settings = self.settings
        interactions = training_interactions(dataset)
        self.behavior_line: BehaviorLine | None = None
        if settings.use_behavior_line:
            self.behavior_line = BehaviorLine(
                interactions, settings.embedding_size, settings.n_layers
            )
        self.modal_side: ModalSide | None = None
        self.ranking: RankingLoss | None = None  # the Modal Side has it, where there is one
        if not settings.use_modal_line:
            self.ranking = ranking_loss(settings, interactions)
        else:
            features = self.prepared_features(dataset, settings.feature_norm)
            self.modal_side = ModalSide(
                settings,
                features,
                interactions,
                settings.embedding_size,
                neighbour_search(config),
                alone=self.behavior_line is None,
            )

    def lines(self) -> tuple[Representations | None, ModalOutput | None]:
        """Run both lines; None for one that is switched off."""
        behavior = self.behavior_line() if self.behavior_line is not None else None
        if self.modal_side is None:
            return behavior, None
        return behavior, self.modal_side(self.gate_items())

    def gate_items(self) -> Tensor | None:
        """The ID embeddings of all items, [n_items, d]; None without a Behavior Line."""
        return self.behavior_line.item_embedding if self.behavior_line is not None else None

    def cosine_weights(self) -> tuple[float, ...] | None:
        """The lengths of the blocks of the vectors that score; None for any length."""
        one_line = self.ranking if self.modal_side is None else self.modal_side
        return one_line.cosine_weights()  # type: ignore[union-attr]  # one of them is there

    def forward(self) -> Representations:
        """Encode all users and items: the lines fused, or the one that is switched on."""
        behavior, modal = self.lines()
        if self.modal_side is not None and modal is not None:
            return self.modal_side.fuse(behavior, modal)
        return self.ranking.scoring(behavior)  # type: ignore[union-attr, arg-type]  # one is on

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return the objective of one training batch, a scalar."""
        batch = Batch.of(*self.batch_ids(interaction))
        behavior = self.behavior_line.of_batch(batch) if self.behavior_line is not None else None
        rows = behavior.encoded if behavior is not None else None
        terms = [self.settings.reg_weight * self._regularisation(behavior, batch)]
        if self.modal_side is not None:
            modal = self.modal_side.of_batch(batch, self.gate_items())
            terms += self.modal_side.losses(rows, modal, batch)
        elif rows is not None and self.ranking is not None:
            terms.append(self.ranking(batch.positive_pairs(rows), rows.items, batch))
        return total(terms)

    def _regularisation(self, behavior: BehaviorRows | None, batch: Batch) -> Tensor:
        """L2 of the embedding rows that this batch reads, of whichever tables there are."""
        terms: list[Tensor] = []
        if behavior is not None:
            terms.append(batch.squared_norm(behavior.initial))
        penalty = self.modal_side.penalty(batch) if self.modal_side is not None else None
        if penalty is not None:
            terms.append(penalty)
        return total(terms) if terms else torch.zeros((), device=batch.user.device)
