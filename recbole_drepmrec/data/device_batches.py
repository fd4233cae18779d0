"""Training batches and negatives that are made on a GPU, so that no step copies any."""

from typing import Any

import torch
from recbole.data.interaction import Interaction
from torch import Tensor

from recbole_drepmrec.data.sampler import VectorisedSampler
from recbole_drepmrec.data.training_batches import ColumnLoader


class OtherItems:
    """Draws items that a user does not have, uniformly, and throws no draw away. [ours]

    How often a draw must be repeated is known to the device only, so that who repeats it waits.
    Of C candidates a user owns those at the places a_0 < a_1 < ..., k of them. The r-th of the
    others, 0 <= r < C - k, is at the place

        r + #{ j : a_j - j <= r }

    which one binary search finds, because a_j - j, the others before the own item j, never falls.

    Args:
        sampler: RecBole's sampler of the training phase, as ours.
        device: Where draws are made.
    """

    def __init__(self, sampler: VectorisedSampler, device: torch.device) -> None:
        candidates = torch.from_numpy(sampler.candidates)
        users, items = map(torch.from_numpy, sampler.own_items())
        counts = torch.bincount(users, minlength=sampler.user_num)
        first = counts.cumsum(0) - counts  # where a user's own items begin
        others_before = torch.searchsorted(candidates, items) - (
            torch.arange(len(users)) - first[users]
        )
        self._step = len(candidates) + 1  # more than any r: users stay apart in the search
        self._candidates = candidates.to(device)
        self._others_before = (users * self._step + others_before).to(device)
        self._first = first.to(device)
        self._n_others = (len(candidates) - counts).to(device)

    def draw(self, users: Tensor, num: int) -> Tensor:
        """Draw from the device's own generator.

        Args:
            users: Users, [B].
            num: Items for each.

        Returns:
            The first item of each user, then the second of each, and so on, [num * B].
        """
        users = users.repeat(num)
        n_others = self._n_others[users]
        # in float64 each of r has the same share but for 1 in 2^53, and no product rounds up to n
        share = torch.rand(len(users), dtype=torch.float64, device=users.device)
        r = (share * n_others).long()
        found = torch.searchsorted(self._others_before, users * self._step + r, right=True)
        return self._candidates[r + found - self._first[users]]


class DeviceLoader(ColumnLoader):
    """A training loader whose columns and negatives are on a device.

    The order of an epoch is that of the same seed on a CPU, copied once an epoch; the negatives are
    others, of the same distribution.

    Args:
        loader: The loader on the host, of a ``VectorisedSampler`` and uniform negatives.
        device: Where batches are wanted.
    """

    def __init__(self, loader: ColumnLoader, device: torch.device) -> None:
        super().__init__(loader)
        self.device = device
        self._columns = {name: one.to(device) for name, one in super().columns().items()}
        self._others = OtherItems(loader._sampler, device)

    def columns(self) -> dict[str, Tensor]:
        """The columns that batches are cut out of, on ``device``, [n] each."""
        return self._columns

    def _neg_sampling(self, inter_feat: Interaction) -> Interaction:
        negatives = self._others.draw(inter_feat[self.uid_field], self.neg_sample_num)
        made: Interaction = self.sampling_func(inter_feat, negatives)
        return made.to(self.device)  # RecBole makes the labels of pointwise pairs on the host


def on_device(config: Any, train_data: Any) -> Any:
    """The training loader, on the configured device where that is a GPU and the loader a plain one.

    Batches that are joined with columns of users or items, transformed, or of negatives that are
    not uniform, stay on the host.

    Args:
        config: The resolved configuration.
        train_data: The training loader.
    """
    moves = config["device"].type != "cpu" and isinstance(train_data, ColumnLoader)
    return (
        DeviceLoader(train_data, config["device"]) if moves and can_move(train_data) else train_data
    )


def can_move(train_data: ColumnLoader) -> bool:
    """Whether batches of a loader are cut out of the interactions and uniform negatives alone.

    Args:
        train_data: A training loader.
    """
    sampler, dataset = train_data._sampler, train_data._dataset
    return (
        isinstance(sampler, VectorisedSampler)
        and sampler.distribution == "uniform"
        and not train_data.neg_sample_args.get("dynamic", False)
        and train_data.config["transform"] is None
        and dataset.user_feat is None
        and dataset.item_feat is None
    )
