"""A finished run as it is served: read whole, never changed; any number of threads may ask."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import numpy as np
import torch

from recbole_drepmrec.errors import UnknownIdError, UserError
from recbole_drepmrec.inference.bundle import FILE, Bundle, Histories, read_bundle
from recbole_drepmrec.inference.finding import find_file
from recbole_drepmrec.inference.recommender import Recommender
from recbole_drepmrec.nn import Representations


class Served:
    """A run that answers, and what makes its answers quick.

    Args:
        bundle: The run's.
        run: What it is called in answers.

    Attributes:
        recommender: Answers what is asked.
        run: What it is called in answers.
        since: When it was read.
        by: What its users and items can be compared by.

    Raises:
        UserError: It cannot answer.
    """

    def __init__(self, bundle: Bundle, run: str) -> None:
        self.recommender = Recommender(bundle)
        self.run = run
        self.since = datetime.now(UTC)
        self.by = list(bundle.directions)
        titles = bundle.titles if bundle.titles is not None else [""] * len(bundle.items)
        self._titles = [str(title).casefold() for title in titles]
        self._try()

    @classmethod
    def load(cls, run: Path) -> Self:
        """Read a finished run.

        Args:
            run: Its folder, or an inference file; links are followed.

        Raises:
            UserError: It is no finished run, cannot recommend, or is damaged.
        """
        file = find_file(run).resolve()
        name = file.parent.name if file.name == FILE else file.stem
        return cls(_owned(read_bundle(file)), name)

    def search(self, words: str) -> list[int]:
        """Positions of the items whose title has all the words, or whose id is what was given.

        The item of that id comes first, then titles that begin with what was given, then the
        others, each in the order of the data.

        Args:
            words: What is looked for, in any case; nothing finds all items.
        """
        wanted = words.casefold().split()
        begin = " ".join(wanted)
        found = [
            place
            for place, title in enumerate(self._titles)
            if all(word in title for word in wanted)
        ]
        found.sort(key=lambda place: not self._titles[place].startswith(begin))  # stable
        try:
            exact = int(self.recommender.positions_of_items([words.strip()])[0])
        except UnknownIdError:
            return found
        return [exact, *(place for place in found if place != exact)]

    def neighbours(self, items: list[str], k: int) -> dict[str, dict[str, list[str]]]:
        """Of each item, by each kind of vector that it has, the ids of the items most like it.

        Args:
            items: Raw ids.
            k: Length of a list, at most; 0 leaves all out.
        """
        found: dict[str, dict[str, list[str]]] = {item: {} for item in items}
        places = self.recommender.positions_of_items(items)
        directions = self.recommender.bundle.directions if k else {}
        for by, table in directions.items():
            there = table.items[torch.from_numpy(places)].any(dim=1)
            having = [item for item, any_ in zip(items, there.tolist(), strict=True) if any_]
            for item in having:
                found[item][by] = []
            for row in self.recommender.similar_items(having, k, by):
                found[row.of][by].append(row.item)
        return found

    def _try(self) -> None:
        """Ask everything once: a run that cannot answer is refused, and what is kept is made."""
        recommender = self.recommender
        user, item = str(recommender.users[0]), str(recommender.items[0])
        try:
            recommender.recommend([user], k=1, seen="all")
            recommender.recommend_history([item], k=1)
            recommender.explain(user, item, 1)
            for by, vectors in recommender.bundle.directions.items():
                for kind, table in vectors._asdict().items():
                    some = table.any(dim=1).nonzero()[:1, 0].numpy()
                    ask = getattr(recommender, f"similar_{kind}")
                    ask([str(name) for name in getattr(recommender, kind)[some]], 1, by)
        except (ValueError, IndexError, TypeError, RuntimeError) as error:
            raise UserError(
                f"the run {self.run} is damaged, it cannot answer: {type(error).__name__}: {error}."
            ) from error


def _owned(bundle: Bundle) -> Bundle:
    """With memory of its own: as read, tensors are pages of a file that may be overwritten."""
    histories, cosines = bundle.histories, bundle.cosines
    if cosines is not None:
        cosines = replace(cosines, lengths=cosines.lengths.clone())
    return replace(
        bundle,
        fused=_copied(bundle.fused),
        parts={name: _copied(part) for name, part in bundle.parts.items()},
        present={name: there.clone() for name, there in bundle.present.items()},
        histories=Histories(
            np.array(histories.starts), np.array(histories.items), np.array(histories.split)
        ),
        history_map=None if bundle.history_map is None else bundle.history_map.clone(),
        cosines=cosines,
    )


def _copied(vectors: Representations) -> Representations:
    return Representations(vectors.users.clone(), vectors.items.clone())
