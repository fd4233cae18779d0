"""What models recommend to a few users, told by title."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recbole_drepmrec.evaluation.split import Split
from recbole_drepmrec.evaluation.store import Comparison

LENGTH = 10
"""Recommended items shown, and items of a history."""

QUANTILES = (0.25, 0.5, 0.75)

RULE = (
    "The users are not picked by hand: of all test users in the order of their training "
    "interactions, then of their ids, they are those at a quarter, at the middle, and at three "
    "quarters. Lists are those of each model's first seed."
)


@dataclass(frozen=True)
class Recommended:
    """One place of a list.

    Attributes:
        title: The item's title, or its id.
        hit: Whether it is one of the user's test items.
    """

    title: str
    hit: bool


@dataclass(frozen=True)
class Example:
    """One user.

    Attributes:
        user: Raw id.
        n_history: Training items.
        history: Titles of the most popular of them.
        relevant: Titles of the test items.
        lists: Model to its list, best first.
    """

    user: str
    n_history: int
    history: list[str]
    relevant: list[str]
    lists: dict[str, list[Recommended]]

    @property
    def length(self) -> int:
        """Places of the longest list."""
        return max((len(one) for one in self.lists.values()), default=0)


def examples(comparison: Comparison, dataset: str, models: list[str]) -> list[Example]:
    """A few users with their items and each model's list.

    Args:
        comparison: What was run.
        dataset: The data set.
        models: The models shown; each has a finished run.

    Raises:
        UserError: A run's lists are damaged.
    """
    split = comparison.splits[dataset]
    names = titles(split)
    users = chosen_users(split)
    tops = {
        model: comparison.lists(next(iter(comparison.of(dataset, model)))).top[users, :LENGTH]
        for model in models
    }
    return [
        _example(split, names, user, {model: top[place] for model, top in tops.items()})
        for place, user in enumerate(users)
    ]


def chosen_users(split: Split) -> list[int]:
    """Positions of the users that ``RULE`` names, each once.

    Args:
        split: The data set.
    """
    order = np.lexsort((np.arange(len(split.users)), split.user_counts))
    places = [int(share * (len(order) - 1)) for share in QUANTILES]
    return [int(order[place]) for place in dict.fromkeys(places)]


def titles(split: Split) -> list[str]:
    """Title of each item; its id where it has none.

    Args:
        split: The data set.
    """
    ids = split.items.tolist()
    given = split.titles.tolist() if split.titles is not None else [""] * len(ids)
    return [title.strip() or f"item {name}" for title, name in zip(given, ids, strict=True)]


def _example(
    split: Split, names: list[str], user: int, tops: dict[str, NDArray[np.int32]]
) -> Example:
    history, relevant = split.trained[[user]].indices, split.relevant[[user]].indices
    popular = history[np.argsort(-split.item_counts[history], kind="stable")][:LENGTH]
    wanted = set(relevant.tolist())
    return Example(
        str(split.users[user]),
        len(history),
        [names[item] for item in popular],
        [names[item] for item in relevant],
        {
            model: [Recommended(names[item], item in wanted) for item in top.tolist() if item >= 0]
            for model, top in tops.items()
        },
    )
