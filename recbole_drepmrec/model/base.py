"""What multimodal recommenders share: features at hand, and most encode once for dot products."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import GeneralRecommender
from recbole.utils import InputType
from torch import Tensor

from recbole_drepmrec.data.dataset import MultimodalDataset
from recbole_drepmrec.data.features import FeatureNorm, PreparedFeatures
from recbole_drepmrec.data.preparation import RowPreparation
from recbole_drepmrec.graph import Graph, NeighbourSearch, interaction_graph
from recbole_drepmrec.nn import Representations
from recbole_drepmrec.settings import Settings


class FeatureRecommender(GeneralRecommender):
    """A RecBole general recommender that reads item features, however it scores.

    A subclass names the keys it reads in ``settings_class``; they are at hand as ``settings``.

    Args:
        config: The resolved configuration.
        dataset: The training split; its features are all that a model sees of the other splits.

    Attributes:
        row_preparations: Modality to how its rows were prepared, once they are.
    """

    input_type = InputType.PAIRWISE
    settings_class: type[Settings] = Settings
    settings_prefix: ClassVar[str] = ""
    settings: Any

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        self.settings = self.read_settings(config)
        self._preparation: dict[str, dict[str, Any]] = {}
        self.row_preparations: dict[str, RowPreparation] = {}

    @classmethod
    def read_settings(cls, config: Any) -> Any:
        """Read and check the keys of this model.

        Args:
            config: Anything that gives a value for ``config[key]``.

        Raises:
            UserError: A value has the wrong type, is out of range, or goes with no other.
        """
        return cls.settings_class.from_config(config, cls.settings_prefix)

    def prepared_features(
        self, dataset: MultimodalDataset, norm: FeatureNorm
    ) -> dict[str, PreparedFeatures]:
        """Prepare the data set's modalities, and note how for the checkpoint.

        Args:
            dataset: The training split.
            norm: How rows are prepared.
        """
        prepared = dataset.prepared_features(norm)
        self._preparation = {
            name: {"norm": norm, "mean": features.mean, **dataset.preparation(name)}
            for name, features in prepared.items()
        }
        self.row_preparations = {
            name: features.rows for name, features in prepared.items() if features.rows
        }
        return prepared

    def feature_preparation(self) -> dict[str, dict[str, Any]]:
        """How each modality was prepared, and its mean, to be stored with the checkpoint."""
        return self._preparation

    def start_epoch(self) -> None:
        """Called before each training epoch, for what a model draws or learns anew then."""

    def similarity_kept(self) -> dict[str, dict[str, float]]:
        """For ``track_similarity``: modality to what its representations keep of its features.

        A model with a modal line gives each modality's ``cka`` and ``overlap``; others nothing.
        """
        return {}


class MultimodalRecommender(FeatureRecommender, ABC):
    """A recommender with features whose scores are dot products of user and item vectors.

    A subclass implements ``forward`` and ``calculate_loss``. Prediction encodes all users and items
    once per evaluation and keeps them until the model trains again or is loaded.

    Args:
        config: The resolved configuration.
        dataset: The training split.
    """

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        self._encoded: Representations | None = None
        self.register_load_state_dict_post_hook(lambda model, _: model.forget())

    @abstractmethod
    def forward(self) -> Representations:
        """Encode all users [n_users, d] and items [n_items, d]."""

    @abstractmethod
    def calculate_loss(self, interaction: Interaction) -> Tensor:
        """The loss of a batch.

        Args:
            interaction: RecBole's batch.
        """

    def scoring_vectors(self) -> Representations:
        """The vectors whose dot products score: ``forward``'s, unless it leaves something to do."""
        return self.forward()

    def parts(self) -> dict[str, Representations]:
        """What the scoring vectors are the sum of, by name; none where they are whole.

        Under ``cosine_weights`` there are some: what is summed before lengths and popularity.
        """
        return {}

    def cosine_weights(self) -> tuple[float, ...] | None:
        """The lengths of the blocks, equally wide, of the vectors that score; None for any length.

        Where there are some, one more number of a scoring vector is the items' popularity.
        """
        return None

    def training_vectors(self) -> Representations:
        """The vectors that the loss of a batch reads, where they are others than ``forward``'s."""
        return self.forward()

    def train(self, mode: bool = True) -> "MultimodalRecommender":
        """Switch between training and evaluation; whoever trained is encoded anew."""
        if mode or self.training:
            self.forget()
        super().train(mode)
        return self

    def forget(self) -> None:
        """Drop the encoded vectors, the parameters having changed."""
        self._encoded = None

    @torch.no_grad()
    def encoded(self) -> Representations:
        """All users and items, encoded at the first call of an evaluation."""
        if self._encoded is None:
            self._encoded = self.scoring_vectors()
        return self._encoded

    def predict(self, interaction: Any) -> Tensor:
        """Score pairs, shape [B]."""
        users, items = self.encoded()
        return (users[interaction[self.USER_ID]] * items[interaction[self.ITEM_ID]]).sum(-1)

    def full_sort_predict(self, interaction: Any) -> Tensor:
        """Score all items for each user, shape [B, n_items]."""
        users, items = self.encoded()
        return users[interaction[self.USER_ID]] @ items.T

    def batch_ids(self, interaction: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Users, positive and negative items of a training batch, each of shape [B]."""
        fields = (self.USER_ID, self.ITEM_ID, self.NEG_ITEM_ID)
        users, positives, negatives = (interaction[field] for field in fields)
        return users, positives, negatives


def pair_scores(
    encoded: Representations, users: Tensor, positives: Tensor, negatives: Tensor
) -> tuple[Tensor, Tensor]:
    """Dot products of a batch's users with their positive and their negative items, each [B].

    Args:
        encoded: Users and items, [n, d] each: all, or the distinct ones of the batch.
        users: The row of each pair's user, [B].
        positives: Those of their items, [B].
        negatives: Those of the items drawn for them, [B].
    """
    of_users = encoded.users[users]  # [B, d]
    of_items = encoded.items[torch.stack([positives, negatives])]  # [2, B, d], taken out at once
    positive, negative = (of_users * of_items).sum(-1)
    return positive, negative


def training_interactions(dataset: MultimodalDataset) -> Graph:
    """R of a data set's interactions, shape [n_users, n_items]."""
    return interaction_graph(
        dataset.inter_feat[dataset.uid_field],
        dataset.inter_feat[dataset.iid_field],
        dataset.user_num,
        dataset.item_num,
    )


def neighbour_search(config: Any) -> NeighbourSearch:
    """How the neighbours of relation graphs are found, and where they are kept."""
    folder = Path(config["data_path"]) / "graphs" if config["graph_cache"] else None
    return NeighbourSearch(folder, config["knn_search"])


def total(terms: Iterable[Tensor]) -> Tensor:
    """Sum of scalars."""
    return torch.stack(list(terms)).sum()
