"""Which items are drawn as negatives."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
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


def draw_as_configured(config: Any, train_data: Any) -> None:
    """Change a training loader that RecBole has made to draw what ``negatives`` says.

    Args:
        config: The resolved configuration.
        train_data: The training loader.

    Raises:
        UserError: The key does not go with the others.
    """
    if config["negatives"] != "trained":
        return
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
