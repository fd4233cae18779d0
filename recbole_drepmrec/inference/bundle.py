"""What a finished run keeps to recommend from: vectors, ids, who took what."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recbole_drepmrec.inference.bundle_checks import check_bundle
from recbole_drepmrec.inference.checks import damaged
from recbole_drepmrec.nn import BEHAVIOR, ENCODED, FUSED, POPULARITY, Representations
from recbole_drepmrec.state_file import read_state, write_state

FILE = "inference.safetensors"
WHAT, FORMAT = "inference file", 3

Names = NDArray[np.object_]

Seen = Literal["none", "train", "valid", "all"]
"""Which of a user's known items are left out: none, those of training, those of training and
validation (as in a run's test), or those of the test part too."""


@dataclass(frozen=True)
class Histories:
    """The known items of each user, by position.

    Attributes:
        starts: Where each user's items begin, and the end; int64 [U + 1].
        items: Ascending within a user, int64 [nnz].
        split: Where the interaction stood: 0 training, 1 validation, 2 test; int8 [nnz].
    """

    starts: NDArray[np.int64]
    items: NDArray[np.int64]
    split: NDArray[np.int8]

    def of(self, user: int, seen: Seen) -> NDArray[np.int64]:
        """One user's items out of some parts.

        Args:
            user: Their position.
            seen: Which parts.
        """
        own = slice(self.starts[user], self.starts[user + 1])
        return self.items[own][self.split[own] < get_args(Seen).index(seen)]


@dataclass(frozen=True)
class Cosines:
    """How the vectors of a model that ranks by cosines came about; B blocks (``nn/blocks``).

    Attributes:
        lengths: What the blocks of an item's parts were divided by, [I, B].
        block_weights: The lengths they have since, B of them.
        popularity_weight: The last number of each user.
    """

    lengths: Tensor
    block_weights: list[float]
    popularity_weight: float


@dataclass(frozen=True)
class Bundle:
    """U users and I items of a trained model, without padding, all on the host.

    Scores are dot products of ``fused``, which is the sum of ``parts`` where there are any. If one
    of them is ``popularity``, it is the last number of a vector, and the others have none there.

    Attributes:
        model: The model's name.
        dataset: The data set's name.
        versions: Package to version, of the run.
        users: Raw ids, [U].
        items: Raw ids, [I].
        titles: Title of each item, empty where it has none, [I]; None without titles.
        fused: The vectors that score, [U, D] and [I, D].
        parts: What each line and modality gives to them; where a model has no two lines, none, or
            ``encoded`` beside ``popularity``.
        present: Modality to whether an item has it, bool [I], of those among ``parts``.
        histories: Known items of each user.
        history_map: Takes the mean of a user's items to the user's vector, square, popularity left
            out: of the behavior or encoded part before it is divided, or of ``fused`` without any
            part; None without either.
        cosines: What goes with a part ``popularity``; None where there is none.
    """

    model: str
    dataset: str
    versions: dict[str, str]
    users: Names
    items: Names
    titles: Names | None
    fused: Representations
    parts: dict[str, Representations]
    present: dict[str, Tensor]
    histories: Histories
    history_map: Tensor | None
    cosines: Cosines | None

    @property
    def tables(self) -> dict[str, Representations]:
        """All kinds of vectors, by name: ``fused`` and the parts."""
        return {FUSED: self.fused, **self.parts}

    @property
    def directions(self) -> dict[str, Representations]:
        """Those that cosines are taken of: popularity is no direction."""
        if self.cosines is None:
            return self.tables
        return {
            name: Representations(*map(without_popularity, table))
            for name, table in self.tables.items()
            if name != POPULARITY
        }

    def title(self, place: int) -> str:
        """The title of an item, empty where it has none.

        Args:
            place: Its position.
        """
        return "" if self.titles is None else str(self.titles[place])

    def write(self, path: Path) -> None:
        """Write it as one file, whole or not at all.

        Args:
            path: The file; an older one is replaced.

        Raises:
            UserError: It cannot be written.
        """
        state = {one.name: getattr(self, one.name) for one in fields(self)}
        state["fused"] = self.fused._asdict()
        state["parts"] = {name: part._asdict() for name, part in self.parts.items()}
        state["histories"] = vars(self.histories)
        state["cosines"] = None if self.cosines is None else vars(self.cosines)
        write_state(path, WHAT, FORMAT, state)


def mapped_part(
    parts: Mapping[str, Representations], fused: Representations
) -> Representations | None:
    """The vectors that ``history_map`` is of; None where all parts are of modalities.

    Args:
        parts: By name; none where the vectors are whole.
        fused: The vectors that score.
    """
    return parts.get(BEHAVIOR, parts.get(ENCODED)) if parts else fused


def with_popularity(
    parts: dict[str, Representations], fused: Representations
) -> dict[str, Representations]:
    """Parts with the last number of the fused vectors as one more of them, ``popularity``.

    Args:
        parts: By name, users [U, D - 1] and items [I, D - 1].
        fused: Users [U, D] and items [I, D].
    """
    wide = {name: Representations(*map(with_zero, part)) for name, part in parts.items()}
    last = Representations(*map(torch.zeros_like, fused))
    for vectors, numbers in zip(last, fused, strict=True):
        vectors[:, -1] = numbers[:, -1]
    return {**wide, POPULARITY: last}


def with_zero(vectors: Tensor) -> Tensor:
    """Vectors with no popularity, [n, D + 1].

    Args:
        vectors: Shape [n, D].
    """
    return torch.cat([vectors, torch.zeros(len(vectors), 1)], dim=1)


def without_popularity(vectors: Tensor) -> Tensor:
    """What ``with_zero`` was given, [n, D].

    Args:
        vectors: Shape [n, D + 1].
    """
    return vectors[:, :-1]


def read_bundle(path: Path) -> Bundle:
    """Read what ``Bundle.write`` wrote; nothing in the file can run code.

    Args:
        path: The file.

    Raises:
        UserError: It is missing, damaged, or no such file.
    """
    state = read_state(path, WHAT, FORMAT, torch.device("cpu"))
    with damaged(path):
        bundle = _bundle(state)
        check_bundle(bundle)
    return bundle


def _bundle(state: dict[str, Any]) -> Bundle:
    state["fused"] = Representations(**state["fused"])
    state["parts"] = {name: Representations(**part) for name, part in state["parts"].items()}
    state["histories"] = Histories(**state["histories"])
    state["cosines"] = None if state["cosines"] is None else Cosines(**state["cosines"])
    return Bundle(**state)
