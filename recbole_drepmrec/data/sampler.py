"""Which items are drawn as negatives: RecBole's, looked up by whole columns."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from recbole.data import create_samplers
from recbole.data.dataloader import UserDataLoader
from recbole.data.utils import get_dataloader
from recbole.sampler import Sampler
from recbole.utils import InputType, ModelType
from torch import Tensor

from recbole_drepmrec.data.pairs import are_among, distinct, n_users_with, numbered
from recbole_drepmrec.errors import UserError, recbole_complaints

Negatives = Literal["all", "trained"]
"""Drawn from all items, or from those that have a training interaction."""

PHASES = ("train", "valid", "test")


def check_cross_entropy(model: str, settings: Mapping[str, Any]) -> None:
    """See that no negatives are drawn for a sequential model which has no use for them.

    Args:
        model: The name of a model that learns as ``loss_type`` says: CE, by cross-entropy over
            all items, or BPR.
        settings: The configuration, before ``Config._set_default_parameters``.

    Raises:
        UserError: Some are.
    """
    given = settings.get("train_neg_sample_args")
    sequential = settings["MODEL_TYPE"] == ModelType.SEQUENTIAL
    if sequential and settings.get("loss_type") == "CE" and given is not None:
        raise UserError(
            f"{model} learns by cross-entropy over all items (`loss_type` is CE), without "
            f"negatives, but `train_neg_sample_args` is {given}; give "
            "--train_neg_sample_args=None."
        )


def check_negatives(settings: Any, default: Any) -> None:
    """See that a model which learns from pairs has negatives.

    Autoencoders and some sequential models are of that kind and read none; nor do models whose
    property file says that none are drawn.

    Args:
        settings: The configuration.
        default: ``train_neg_sample_args`` of the property files.

    Raises:
        UserError: It has none, or their number is no number.
    """
    how = settings["train_neg_sample_args"]
    drawn, number = how["distribution"] != "none", how["sample_num"]
    if drawn and (type(number) is not int or number < 1):
        raise UserError(
            f"`train_neg_sample_args` has the sample_num {number!r}, expected negatives for each "
            "positive, 1 or more."
        )
    of_pairs = settings["MODEL_INPUT_TYPE"] == InputType.PAIRWISE
    if drawn or default is None or not of_pairs:
        return
    sequential = settings["MODEL_TYPE"] == ModelType.SEQUENTIAL
    if not sequential and get_dataloader(settings, "train") is not UserDataLoader:
        raise UserError(
            f"{settings['model']} needs negatives, but `train_neg_sample_args` is None; leave it "
            "out, or give --train_neg_sample_args=\"{'distribution': 'uniform'}\"."
        )


class VectorisedSampler(Sampler):
    """RecBole's sampler by rejection, which looks all draws up at once and not one by one.

    From the same state of numpy's generator it draws the same negatives. RecBole keeps what users
    have as a set a user and phase, this one as sorted numbers. That of a phase is ``set_phase``'s.
    """

    used_ids: NDArray[np.int64]
    """user * n_items + item of all pairs that are never drawn, sorted, [n]; by phase at first."""

    def get_used_ids(self) -> Mapping[str, NDArray[np.int64]]:
        """What users have by the end of each phase, as ``used_ids``.

        Raises:
            UserError: A user has all items.
        """
        used: dict[str, NDArray[np.int64]] = {}
        before = np.array([], dtype=np.int64)
        for phase, part in zip(self.phases, self.datasets, strict=True):
            used[phase] = before = distinct(np.concatenate([before, numbered(part)]))
        full = n_users_with(self.item_num - 1, before, self.item_num)  # padding is no item
        if full:
            raise UserError(
                f"{full} users have all {self.item_num - 1} items, so no negative is left for "
                "them; filter them by `user_inter_num_interval`."
            )
        return used

    @property
    def candidates(self) -> NDArray[np.int64]:
        """The items that are drawn from, a user's own ones among them, sorted, [C]."""
        return np.arange(1, self.item_num)

    def own_items(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Users and items of all pairs that are never drawn, sorted, [n] each."""
        users, items = np.divmod(self.used_ids, self.item_num)
        return users, items

    def sample_by_key_ids(self, key_ids: Any, num: int) -> Tensor:
        """Draw items that a user does not have.

        Args:
            key_ids: Users, [B].
            num: Items for each.

        Returns:
            The first item of each user, then the second of each, and so on, [num * B].
        """
        users = np.tile(np.asarray(key_ids), num)
        items = np.zeros(len(users), dtype=np.int64)
        open_places = np.arange(len(users))
        while len(open_places) > 0:
            items[open_places] = self.sampling(len(open_places))
            drawn = users[open_places] * self.item_num + items[open_places]
            open_places = open_places[are_among(drawn, self.used_ids)]
        return torch.from_numpy(items)


class TrainedItemSampler(VectorisedSampler):
    """A sampler that is uniform over the items that have a training interaction.

    As RecBole's does, it rejects the user's own training items.

    Args:
        sampler: The sampler of the training phase.
        items: Items that have a training interaction, sorted, [C].

    Raises:
        UserError: A user has all these items.
    """

    def __init__(self, sampler: VectorisedSampler, items: NDArray[np.int64]) -> None:
        # not the constructor, which would look all interactions up once more
        self.__dict__.update(sampler.__dict__)
        self.items = items
        full = n_users_with(len(items), self.used_ids, self.item_num)
        if full:
            raise UserError(
                f"`negatives` is 'trained', but {full} users have all {len(items)} items that have "
                "a training interaction, so no negative is left for them; filter them by "
                "`user_inter_num_interval`, or set --negatives=all."
            )

    @property
    def candidates(self) -> NDArray[np.int64]:
        """The items that have a training interaction, sorted, [C]."""
        return self.items

    def _uni_sampling(self, sample_num: int) -> NDArray[np.int64]:
        return self.items[np.random.randint(0, len(self.items), sample_num)]


def samplers(config: Any, dataset: Any, parts: list[Any]) -> list[Any]:
    """The sampler of each phase; None for one that draws nothing.

    Args:
        config: The resolved configuration.
        dataset: All interactions.
        parts: Those of training, of validation and of test.

    Raises:
        UserError: A user has all items, or a key does not go with the others.
    """
    if config["repeatable"]:  # RecBole's reject none of a user's items
        with recbole_complaints("negatives cannot be drawn"):
            made = list(create_samplers(config, dataset, parts))
    else:
        made = _by_columns(config, parts)
    if config["negatives"] == "trained" and made[0] is not None:
        made[0] = _of_trained_items(config, made[0], parts[0])
    return made


def _by_columns(config: Any, parts: list[Any]) -> list[Any]:
    """RecBole's, of which one that is there serves the phases after it."""
    one: VectorisedSampler | None = None
    made: list[Any] = []
    for phase in PHASES:
        how = config[f"{phase}_neg_sample_args"]
        if how["distribution"] == "none":
            made.append(None)
            continue
        if one is None:
            alpha = how["alpha"] if phase == "train" else 1.0
            one = VectorisedSampler(list(PHASES), parts, how["distribution"], alpha)
        else:
            one.set_distribution(how["distribution"])
        made.append(one.set_phase(phase))
    return made


def _of_trained_items(config: Any, sampler: Any, part: Any) -> TrainedItemSampler:
    if not isinstance(sampler, VectorisedSampler) or sampler.distribution != "uniform":
        raise UserError(
            "`negatives: trained` draws uniformly, but `train_neg_sample_args` is "
            f"{config['train_neg_sample_args']} and `repeatable` is {config['repeatable']}; set "
            "--negatives=all, or a uniform distribution and repeatable: False."
        )
    return TrainedItemSampler(sampler, distinct(part.inter_feat[part.iid_field].numpy()))
