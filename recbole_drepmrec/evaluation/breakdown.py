"""Where a model is good: for popular and rare items, new ones, those that lack a modality."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recbole_drepmrec.evaluation.split import Split

Switches = NDArray[np.bool_]


@dataclass(frozen=True)
class Stratum:
    """Some of the items, or some of the users.

    Attributes:
        group: What it is a part of, such as ``popularity``.
        name: Its name there, such as ``tail``.
        items: Whether an item belongs to it, shape [I].
        users: Whether a test user belongs to it, shape [U].
    """

    group: str
    name: str
    items: Switches
    users: Switches

    def train_share(self, split: Split) -> float:
        """Share of the training interactions that are with its items."""
        return float(split.item_counts[self.items].sum() / split.item_counts.sum())

    def n_relevant(self, split: Split) -> int:
        """Test interactions of its users with its items."""
        return int((split.relevant @ self.items.astype(np.int64))[self.users].sum())


def strata(split: Split) -> list[Stratum]:
    """The parts that a data set is looked at by; those without a test interaction are left out.

    - ``popularity``: the most popular items that together have the first third of the training
      interactions are the ``head``, those with the next third ``mid``, the rest ``tail``; items
      of equally many stay together. Items of no training interaction are ``cold``. [ours]
    - ``activity``: users by training interactions, ``low``, ``mid`` and ``high``, cut at the
      terciles of the test users; users of equally many stay together. [ours]
    - a modality's name, where items lack it: items ``with`` and ``without`` it.

    Args:
        split: The data set.
    """
    everyone = np.ones(len(split.users), dtype=np.bool_)
    everything = np.ones(len(split.items), dtype=np.bool_)
    found = [
        Stratum("popularity", name, items, everyone)
        for name, items in popularity(split.item_counts).items()
    ]
    found += [
        Stratum("activity", name, everything, users)
        for name, users in activity(split.user_counts).items()
    ]
    for modality, present in split.modalities.items():
        if not present.all():
            found.append(Stratum(modality, "with", present, everyone))
            found.append(Stratum(modality, "without", ~present, everyone))
    return [stratum for stratum in found if stratum.n_relevant(split)]


def popularity(counts: NDArray[np.int64]) -> dict[str, Switches]:
    """Head, mid, tail and cold items.

    Args:
        counts: Training interactions of each item, shape [I].
    """
    ordered = np.sort(counts)[::-1]
    before = np.cumsum(ordered) - ordered  # of items more popular
    total = counts.sum()
    # the least popular item that begins within the first, and within the second third
    head, mid = (ordered[before < total * share].min() for share in (1 / 3, 2 / 3))
    return {
        "head": counts >= head,
        "mid": (counts < head) & (counts >= mid),
        "tail": (counts < mid) & (counts > 0),
        "cold": counts == 0,
    }


def activity(counts: NDArray[np.int64]) -> dict[str, Switches]:
    """Users of low, middle and high activity.

    Args:
        counts: Training interactions of each user, shape [U].
    """
    low, high = np.quantile(counts, [1 / 3, 2 / 3], method="lower")
    return {
        "low": counts <= low,
        "mid": (counts > low) & (counts <= high),
        "high": counts > high,
    }


def hits(top: NDArray[np.int32], split: Split) -> sp.csr_array:
    """The relevant items that are in a user's list, a matrix of switches, shape [U, I].

    Args:
        top: The lists, -1 for no item, shape [U, k].
        split: The data set.
    """
    rows, columns = np.nonzero(top >= 0)
    places = (rows, top[rows, columns])
    listed = sp.coo_array((np.ones(len(rows), dtype=np.bool_), places), shape=split.relevant.shape)
    both: sp.csr_array = listed.tocsr().multiply(split.relevant)
    return both


def recall_within(found: sp.csr_array, split: Split, stratum: Stratum) -> float:
    """Recall of the stratum's items, mean over its users who have a relevant one. [ours]

        mean over u of |top_u ∩ relevant_u ∩ stratum| / |relevant_u ∩ stratum|

    Args:
        found: ``hits`` of the lists.
        split: The data set.
        stratum: One that has a test interaction.
    """
    members = stratum.items.astype(np.float64)
    n_found, n_relevant = found @ members, split.relevant @ members
    counted = stratum.users & (n_relevant > 0)
    return float((n_found[counted] / n_relevant[counted]).mean())
