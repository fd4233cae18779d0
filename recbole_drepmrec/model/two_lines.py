"""What recommenders of a behavior side and a modal side share: both can be looked at apart."""

from abc import abstractmethod

import torch
from torch import Tensor

from recbole_drepmrec.checkpoint import random_state, restore_random_state
from recbole_drepmrec.model.base import MultimodalRecommender
from recbole_drepmrec.model.modal_side import ModalSide
from recbole_drepmrec.nn import (
    BEHAVIOR,
    ModalOutput,
    Representations,
    modality_parts,
    part_name,
)


class TwoLineRecommender(MultimodalRecommender):
    """A recommender whose behavior and modal representations are there before they are fused.

    Args:
        config: The resolved configuration.
        dataset: The training split.
    """

    modal_side: ModalSide | None

    @abstractmethod
    def lines(self) -> tuple[Representations | None, ModalOutput | None]:
        """Run both lines; None for one that is switched off."""

    @abstractmethod
    def gate_items(self) -> Tensor | None:
        """The behavior side's item vectors that ``gate: behavior`` reads, [n_items, d]."""

    @torch.no_grad()
    def parts(self) -> dict[str, Representations]:
        """What each line and modality gives to the fused vectors, which are the sum of these.

        Under ``ranking_loss: softmax`` the users and items that score are that sum at the lengths
        of ``cosine_weights``, with one more number of the items' popularity.

        Every fusion is linear, so the fused vectors of b and m are those of b and nothing, and of
        nothing and m. [ours] The Behavior Line's part is called ``behavior``, the others as their
        modality; one of these names, or ``popularity`` or ``fused``, gets ``modality`` before it.
        """
        behavior, modal = self.lines()
        if self.modal_side is None or modal is None:
            return {} if behavior is None else {BEHAVIOR: behavior}
        line = self.modal_side.modal_line
        parts = dict(zip(map(part_name, line.names), modality_parts(line, modal), strict=True))
        if behavior is None:
            return parts
        nothing = Representations(*map(torch.zeros_like, behavior))
        fuse = self.modal_side.bma.fuse  # before vectors are scaled
        fused = {name: fuse(nothing, part) for name, part in parts.items()}
        return {BEHAVIOR: fuse(self.modal_side.trained(behavior), nothing), **fused}

    @torch.no_grad()
    def similarity_kept(self) -> dict[str, dict[str, float]]:
        """How much of the features' similarity each modality's item representations keep.

        Training goes on as if it had not been measured: random numbers included.
        """
        if self.modal_side is None:
            return {}
        state = random_state()
        coupled = self.modal_side.settings.gate == "behavior"
        kept = self.modal_side.similarity_kept(self.gate_items() if coupled else None)
        restore_random_state(state)
        return {name: one._asdict() for name, one in kept.items()}
