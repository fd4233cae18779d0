"""Recommends from a finished run's folder alone: no data set, no training code."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from recbole_drepmrec.errors import UnknownIdError, UserError
from recbole_drepmrec.inference.adding import add_items
from recbole_drepmrec.inference.bundle import Bundle, Names, Seen
from recbole_drepmrec.inference.explanation import Explanation, explain
from recbole_drepmrec.inference.finding import find_bundle
from recbole_drepmrec.inference.histories import user_of
from recbole_drepmrec.inference.new_items import FEATURES_FILE, read_item_maker
from recbole_drepmrec.inference.ranking import (
    Directions,
    Lists,
    Recommended,
    directions_of,
    nearest_rows,
    ranked,
)
from recbole_drepmrec.nn import FUSED, Representations


class Recommender:
    """Scores items for users by the vectors of a trained model; several threads may ask at once.

    Args:
        bundle: What a run has kept; ``load`` reads it.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._units: dict[tuple[str, str], Directions] = {}

    @classmethod
    def load(cls, run: str | Path) -> Self:
        """Read a finished run.

        Args:
            run: Its folder, or an inference file.

        Raises:
            UserError: It is no finished run, its model cannot recommend outside of RecBole, or
                its file is damaged.
        """
        return cls(find_bundle(Path(run)))

    def with_items(
        self,
        run: str | Path,
        ids: Sequence[str],
        features: Mapping[str, NDArray[np.float32]],
        titles: Sequence[str] | None = None,
    ) -> Self:
        """One that recommends new items too, by their features alone; this one stays as it is.

        Args:
            run: The folder of the run, which holds what new items are made with.
            ids: Raw ids of the new items, [n].
            features: Modality to their rows as they stand in a feature file, [n, width]; a row of
                zeros is a modality that the item lacks.
            titles: Their titles, [n].

        Raises:
            UserError: The run's model has no Modal Line, or ids or features are not in order.
        """
        maker = read_item_maker(Path(run) / FEATURES_FILE)
        named = None if titles is None else list(titles)
        return type(self)(add_items(self.bundle, maker, list(ids), dict(features), named))

    @property
    def users(self) -> Names:
        """Raw ids of all users."""
        return self.bundle.users

    @property
    def items(self) -> Names:
        """Raw ids of all items, added ones included."""
        return self.bundle.items

    def title(self, item: str) -> str:
        """The item's title, empty where it has none.

        Args:
            item: Its raw id.
        """
        return self.bundle.title(int(self.positions_of_items([item])[0]))

    def recommend(
        self,
        users: Sequence[str],
        k: int = 10,
        seen: Seen = "valid",
        candidates: Iterable[str] | None = None,
        exclude: Iterable[str] = (),
    ) -> list[Recommended]:
        """The k items of highest score for each user, best first.

        Args:
            users: Raw ids.
            k: Length of a list, at most.
            seen: Which of the user's known items are left out.
            candidates: The only items that may be listed; None for all.
            exclude: Items that may not.

        Raises:
            UserError: An id is unknown, or k is below 1.
        """
        blocks = self.lists(users, k, seen, candidates, exclude)
        return [row for block in blocks for row in block.rows(self.items)]

    def lists(
        self,
        users: Sequence[str] | None,
        k: int = 10,
        seen: Seen = "valid",
        candidates: Iterable[str] | None = None,
        exclude: Iterable[str] = (),
    ) -> Iterator[Lists]:
        """What ``recommend`` gives, a block of users at a time, for as many as there are.

        Args:
            users: Raw ids; None for all users.
            k: Length of a list, at most.
            seen: Which of the user's known items are left out.
            candidates: The only items that may be listed; None for all.
            exclude: Items that may not.

        Raises:
            UserError: An id is unknown, or k is below 1.
        """
        if seen not in get_args(Seen):
            raise UserError(f"`seen` is {seen!r}, expected one of {', '.join(get_args(Seen))}.")
        pool = self._pool(candidates, exclude)
        rows = np.arange(len(self.users)) if users is None else self.positions_of_users(users)
        vectors = self.bundle.fused.users[torch.from_numpy(rows)]
        histories = self.bundle.histories
        known = None if seen == "none" else lambda row: histories.of(int(rows[row]), seen)
        return ranked(self.users[rows], vectors, self.bundle.fused.items, pool, _checked(k), known)

    def recommend_history(
        self,
        items: Sequence[str],
        k: int = 10,
        keep_seen: bool = False,
        candidates: Iterable[str] | None = None,
        exclude: Iterable[str] = (),
    ) -> list[Recommended]:
        """Recommend to somebody who is not in the data, known by their items (``histories``).

        Args:
            items: Raw ids of the items they had.
            k: Length of the list, at most.
            keep_seen: Whether these may be listed too.
            candidates: The only items that may be listed; None for all.
            exclude: Items that may not.

        Raises:
            UserError: No item is given, an id is unknown, or k is below 1.
        """
        if not len(items):
            raise UserError("the history is empty; give at least one item id.")
        had = np.unique(self.positions_of_items(items))
        vector = user_of(self.bundle, torch.from_numpy(had)).unsqueeze(0)
        pool = self._pool(candidates, exclude)
        pool = pool if keep_seen else np.setdiff1d(pool, had)
        name = np.array(["history"], dtype=object)
        blocks = ranked(name, vector, self.bundle.fused.items, pool, _checked(k), None)
        return [row for block in blocks for row in block.rows(self.items)]

    def similar_items(
        self, items: Sequence[str], k: int = 10, by: str = FUSED
    ) -> list[Recommended]:
        """The k other items of highest cosine to each item.

        Args:
            items: Raw ids.
            k: Length of a list, at most.
            by: ``fused``, ``behavior`` or a modality: the vectors that are compared.

        Raises:
            UserError: An id is unknown, an item has no such vector, or there are no such vectors.
        """
        rows = self.positions_of_items(items)
        directions = self._units_of("items", by)
        return nearest_rows(self.items, rows, directions, _checked(k), by)

    def similar_users(
        self, users: Sequence[str], k: int = 10, by: str = FUSED
    ) -> list[Recommended]:
        """The k other users of highest cosine to each user.

        Args:
            users: Raw ids.
            k: Length of a list, at most.
            by: ``fused``, ``behavior`` or a modality: the vectors that are compared.

        Raises:
            UserError: As ``similar_items``.
        """
        rows = self.positions_of_users(users)
        directions = self._units_of("users", by)
        return nearest_rows(self.users, rows, directions, _checked(k), by)

    def explain(self, user: str, item: str, n_neighbours: int = 10) -> Explanation:
        """What each line, modality and past item gave to a score.

        Args:
            user: Raw id.
            item: Raw id.
            n_neighbours: How many of the user's items are named.

        Raises:
            UserError: An id is unknown, or the number is below zero.
        """
        places = self.positions_of_users([user])[0], self.positions_of_items([item])[0]
        return explain(self.bundle, int(places[0]), int(places[1]), n_neighbours)

    def vectors(self, by: str = FUSED) -> Representations:
        """Vectors of all users and items.

        Args:
            by: ``fused``, ``behavior`` or a modality.

        Raises:
            UserError: The model has no such part.
        """
        return self._named(self.bundle.tables, by)

    def _directions(self, by: str) -> Representations:
        return self._named(self.bundle.directions, by)

    def _named(self, known: Mapping[str, Representations], by: str) -> Representations:
        if by not in known:
            raise UserError(
                f"{self.bundle.model} has no vectors by '{by}'; it has those of {', '.join(known)}."
            )
        return known[by]

    def positions_of_users(self, users: Sequence[str]) -> NDArray[np.int64]:
        """Where users stand in the tables.

        Args:
            users: Raw ids.

        Raises:
            UserError: One is unknown.
        """
        cure = "a user who is not in the data is recommended to by --history=ITEM,ITEM"
        return _positions("user", users, self._user_places, cure)

    def positions_of_items(self, items: Iterable[str]) -> NDArray[np.int64]:
        """Where items stand in the tables.

        Args:
            items: Raw ids.

        Raises:
            UserError: One is unknown.
        """
        cure = "an item with features is added by `recbole-drepmrec add_items`"
        return _positions("item", list(items), self._item_places, cure)

    def _units_of(self, kind: str, by: str) -> Directions:
        """Kept, as the next question asks for the same; two threads may both make them."""
        found = self._units.get((kind, by))
        if found is None:
            found = directions_of(getattr(self._directions(by), kind))
            self._units[kind, by] = found
        return found

    @cached_property
    def _user_places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.users)}

    @cached_property
    def _item_places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.items)}

    def _pool(self, candidates: Iterable[str] | None, exclude: Iterable[str]) -> NDArray[np.int64]:
        """Positions of the items that may be listed, ascending."""
        listed = np.full(len(self.items), candidates is None)
        if candidates is not None:
            listed[self.positions_of_items(candidates)] = True
        listed[self.positions_of_items(exclude)] = False
        return np.flatnonzero(listed)


def _positions(
    kind: str, given: Sequence[str], places: dict[str, int], cure: str
) -> NDArray[np.int64]:
    unknown = [name for name in given if name not in places]
    if unknown:
        known = ", ".join(list(places)[:3])
        raise UnknownIdError(
            kind,
            unknown[0],
            f"{len(unknown)} of {len(given)} {kind} ids are unknown, first '{unknown[0]}'; give "
            f"raw ids such as {known}, or leave it out; {cure}.",
        )
    return np.array([places[name] for name in given], dtype=np.int64)


def _checked(k: int) -> int:
    if k < 1:
        raise UserError(f"k is {k}, expected at least 1.")
    return k
