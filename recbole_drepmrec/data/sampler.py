"""What a protocol asks of RecBole's loaders: which negatives are drawn, what a test leaves out."""

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.sampler import Sampler

from recbole_drepmrec.data.training_batches import VectorisedSampler
from recbole_drepmrec.errors import UserError

Negatives = Literal["all", "trained"]
"""Drawn from all items, or from those that have a training interaction."""


class TrainedItemSampler(VectorisedSampler):
    """A sampler that is uniform over the items that have a training interaction.

    As RecBole's does, it rejects the user's own training items.

    Args:
        sampler: RecBole's sampler of the training phase.
        items: Items that have a training interaction.

    Raises:
        UserError: The sampler is of another kind, or a user has all these items.
    """

    def __init__(self, sampler: Any, items: NDArray[np.int64]) -> None:
        super().__init__(sampler)
        self.items = items
        full = [user for user, used in enumerate(self.used_ids) if len(used) == len(items)]
        if full:
            raise UserError(
                f"`negatives` is 'trained', but {len(full)} users have all {len(items)} items that "
                "have a training interaction, so no negative is left for them; filter them by "
                "`user_inter_num_interval`, or set --negatives=all."
            )

    @property
    def candidates(self) -> NDArray[np.int64]:
        """The items that have a training interaction, sorted, [C]."""
        return self.items

    def _uni_sampling(self, sample_num: int) -> NDArray[np.int64]:
        return self.items[np.random.randint(0, len(self.items), sample_num)]


def follow_protocol(config: Any, train_data: Any, test_data: Any) -> None:
    """Change loaders that RecBole has made as ``negatives`` and ``mask_valid_in_test`` say.

    Args:
        config: The resolved configuration.
        train_data: RecBole's training loader.
        test_data: RecBole's test loader.

    Raises:
        UserError: A key does not go with the others.
    """
    if config["negatives"] == "trained":
        _draw_trained_items(config, train_data)
    if not config["mask_valid_in_test"]:
        _rank_validation_items(train_data, test_data)


def _draw_trained_items(config: Any, train_data: Any) -> None:
    loader = getattr(train_data, "general_dataloader", train_data)  # inside a knowledge-based one
    if loader._sampler is None:
        return  # a model without negatives
    if not isinstance(loader._sampler, Sampler) or loader._sampler.distribution != "uniform":
        raise UserError(
            "`negatives: trained` draws uniformly, but `train_neg_sample_args` is "
            f"{config['train_neg_sample_args']} and `repeatable` is {config['repeatable']}; set "
            "--negatives=all, or a uniform distribution and repeatable: False."
        )
    items = np.unique(loader._dataset.inter_feat[loader._dataset.iid_field].numpy())
    loader._sampler = TrainedItemSampler(loader._sampler, items)


def _rank_validation_items(train_data: Any, test_data: Any) -> None:
    """Leave only the training items out of a user's test ranking."""
    if not isinstance(test_data, FullSortEvalDataLoader):
        raise UserError(
            "`mask_valid_in_test: False` is for full ranking; set eval_args: {mode: full}, or "
            "--mask_valid_in_test=True."
        )
    if test_data.is_sequential:
        return  # RecBole masks nothing there
    trained = items_by_user(train_data._dataset)
    for user in test_data.uid_list.tolist():
        history = trained.get(user, set()) - set(test_data.uid2positive_item[user].tolist())
        test_data.uid2history_item[user] = torch.tensor(sorted(history), dtype=torch.int64)


def items_by_user(dataset: Any) -> dict[int, set[int]]:
    """The items of each user who has any.

    Args:
        dataset: One part of a data set.
    """
    items: dict[int, set[int]] = {}
    users = dataset.inter_feat[dataset.uid_field].tolist()
    for user, item in zip(users, dataset.inter_feat[dataset.iid_field].tolist(), strict=True):
        items.setdefault(user, set()).add(item)
    return items
