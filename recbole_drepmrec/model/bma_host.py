"""BMA as a plug-in: any recommender with user and item vectors wears DRepMRec's modal side."""

from contextlib import nullcontext
from functools import cache
from typing import Any, ClassVar

from pydantic import Field
from recbole.model.abstract_recommender import AutoEncoderMixin
from recbole.utils import InputType, ModelType
from torch import Tensor

from recbole_drepmrec.data.dataset import MultimodalDataset
from recbole_drepmrec.errors import UserError, recbole_complaints
from recbole_drepmrec.model.base import (
    FeatureRecommender,
    neighbour_search,
    total,
    training_interactions,
)
from recbole_drepmrec.model.drepmrec import DRepMRec
from recbole_drepmrec.model.host_vectors import cannot_carry, host_vectors
from recbole_drepmrec.model.modal_side import ModalSide, ModalSideSettings
from recbole_drepmrec.model.two_lines import TwoLineRecommender
from recbole_drepmrec.nn import Batch, ModalOutput, Representations
from recbole_drepmrec.settings import Weight


class BMASettings(ModalSideSettings):
    """Keys of the plug-in, each after ``bma_``; ``properties/model/BMA.yaml`` has the defaults."""

    reg_weight: Weight = Field(description="Weight of the L2 penalty of the own item table.")


class BMAHost(TwoLineRecommender):
    """A recommender that wears the Modal Line, SSS and BMA. [paper: that others can wear BMA]

        L = L_host + L_rank + l_intra L_intra + l_inter L_inter + l_sss sum_m L_sss
            + l_reg ||P_I||^2 / 2B                                                       [ours]

    The host keeps its parameters, its loss and its trainer; its vectors take the place of the
    Behavior Line's. L_rank and the vectors that score are ``ModalSide``'s. ``with_bma`` makes the
    class.

    Args:
        config: The resolved configuration; the host reads its own keys.
        dataset: The training split.

    Raises:
        UserError: The host's scores are no dot products of user and item vectors.

    Source: arXiv 2404.11119.
    """

    settings: BMASettings
    settings_class = BMASettings
    settings_prefix = "bma_"
    host_class: ClassVar[type[Any]]
    modal_side: ModalSide

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        ours = issubclass(self.host_class, FeatureRecommender)
        with nullcontext() if ours else recbole_complaints(f"{config['model']} cannot be built"):
            # First of all, so that it starts from the parameters that it has without BMA.
            self.host = self.host_class(config, dataset).to(self.device)
            self.vectors, size = host_vectors(self.host)
        features = self.prepared_features(dataset, self.settings.feature_norm)
        self.modal_side = ModalSide(
            self.settings, features, training_interactions(dataset), size, neighbour_search(config)
        )

    @classmethod
    def read_settings(cls, config: Any) -> Any:
        """Read and check the plug-in's keys; the host's are checked too."""
        if issubclass(cls.host_class, FeatureRecommender):
            cls.host_class.read_settings(config)
        return super().read_settings(config)

    def __getattr__(self, name: str) -> Any:
        """What is not here is the host's: its trainer may ask for it, as NCL's for ``e_step``."""
        modules = self.__dict__.get("_modules", {})
        if name in modules or "host" not in modules:
            return super().__getattr__(name)
        return getattr(modules["host"], name)

    def forward(self) -> Representations:
        """Encode all users and items: the host's vectors and the modal ones, fused."""
        behavior, modal = self.lines()
        return self.modal_side.fuse(behavior, modal)

    def lines(self) -> tuple[Representations, ModalOutput]:
        """The host's vectors and the modal ones, before they are fused."""
        behavior = self.vectors.read()
        return behavior, self.modal_side(behavior.items)

    def gate_items(self) -> Tensor:
        """The host's item vectors, [n_items, d]."""
        return self.vectors.read().items

    def cosine_weights(self) -> tuple[float, ...] | None:
        """Those of ``ModalSide.cosine_weights``."""
        return self.modal_side.cosine_weights()

    def calculate_loss(self, interaction: Any) -> Any:
        """Return the objective of one training batch, a scalar.

        A host whose loss is a tuple of parts gets it back with ours added to the first part: a
        trainer may leave the last one out, as NCL's does while it warms up.
        """
        users, positives, negatives = self.batch_ids(interaction)
        loss, behavior = self.vectors.read_with_loss(interaction, users)
        added = self._modal_loss(behavior, Batch.of(users, positives, negatives))
        return (loss[0] + added, *loss[1:]) if isinstance(loss, tuple) else loss + added

    def _modal_loss(self, behavior: Representations, batch: Batch) -> Tensor:
        modal = self.modal_side.of_batch(batch, behavior.items)
        terms = self.modal_side.losses(batch.rows(behavior), modal, batch)
        penalty = self.modal_side.penalty(batch)
        if penalty is not None:
            terms.append(self.settings.reg_weight * penalty)
        return total(terms)

    def start_epoch(self) -> None:
        """Let the host draw or learn what it does before each training epoch."""
        if isinstance(self.host, FeatureRecommender):
            self.host.start_epoch()

    def feature_preparation(self) -> dict[str, dict[str, Any]]:
        """How the plug-in prepared each modality, and how the host did if it reads them too."""
        if not isinstance(self.host, FeatureRecommender):
            return super().feature_preparation()
        of_host = self.host.feature_preparation()
        name = self.host_class.__name__
        return {
            **super().feature_preparation(),
            **{f"{modality} of {name}": how for modality, how in of_host.items()},
        }

    def other_parameter(self) -> dict[str, Any]:
        """What the host keeps beside its parameters."""
        kept: dict[str, Any] = self.host.other_parameter()
        return kept

    def load_other_parameter(self, para: dict[str, Any] | None) -> None:
        """Give the host what it keeps beside its parameters.

        Args:
            para: What ``other_parameter`` returned.
        """
        self.host.load_other_parameter(para)


@cache
def with_bma(host_class: type[Any]) -> type[BMAHost]:
    """Return the class of a host that wears BMA; always the same for one host.

    Args:
        host_class: A general recommender's class.

    Raises:
        UserError: It cannot carry BMA, for a reason that its class already shows.
    """
    name = host_class.__name__
    reason = _why_not(host_class)
    if reason is not None:
        raise UserError(cannot_carry(name, reason))
    members = {
        "host_class": host_class,
        "__doc__": f"{name} with the Modal Line, SSS and BMA of DRepMRec.",
        "__module__": __name__,
    }
    return type(f"{name}+BMA", (BMAHost,), members)


def _why_not(host_class: type[Any]) -> str | None:
    if issubclass(host_class, DRepMRec | BMAHost):
        return "it wears it already"
    if host_class.type == ModelType.TRADITIONAL:
        return "it is not trained by gradient"
    if host_class.type != ModelType.GENERAL:
        return f"it is no general recommender but a {host_class.type.name.lower()} one"
    if issubclass(host_class, AutoEncoderMixin):
        return "it encodes a user's whole row of items and has no item vectors"
    kind = getattr(host_class, "input_type", None)
    if kind != InputType.PAIRWISE:
        shown = kind.name.lower() if kind else "an unknown way"
        return f"it trains {shown}, and BMA takes pairs of an interacted and a drawn item"
    return None
