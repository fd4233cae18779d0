"""Behavior and modal representations before and after alignment, out of a run's checkpoint."""

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from recbole.utils import init_seed
from torch import Tensor

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.store import Comparison
from recbole_drepmrec.model.two_lines import TwoLineRecommender
from recbole_drepmrec.nn import Representations
from recbole_drepmrec.quick_start import load
from recbole_drepmrec.registry import get_model
from recbole_drepmrec.run_folder import RunFolder

SAMPLE = 500
"""Users, and items, that the figures are of."""

SEED = 0
NEAREST = 10


@dataclass(frozen=True)
class Pairs:
    """The behavior and the modal representation of the same users, or of the same items.

    Attributes:
        behavior: Rows of length one, shape [n, d].
        modal: The same ones' in the Modal Line, shape [n, d].
    """

    behavior: Tensor
    modal: Tensor

    @property
    def cosine(self) -> float:
        """Mean cosine between the two representations of the same one."""
        return float((self.behavior * self.modal).sum(1).mean())

    @property
    def cosine_of_others(self) -> float:
        """Mean cosine between the representations of two different ones."""
        n = len(self.behavior)
        whole = float(self.behavior.sum(0) @ self.modal.sum(0))
        return (whole - n * self.cosine) / (n * (n - 1)) if n > 1 else float("nan")

    @property
    def found(self) -> float:
        """Share whose own modal representation is among the nearest ten to the behavior one."""
        cosines = self.behavior @ self.modal.T  # [n, n], n at most SAMPLE
        nearer = (cosines > cosines.diagonal().unsqueeze(1)).sum(1)
        return float((nearer < NEAREST).float().mean())


@dataclass(frozen=True)
class Aligned:
    """One run's representations of a sample.

    Attributes:
        model: The model.
        start: ``items`` and ``users`` as training found them.
        trained: The same ones as the kept epoch left them: what goes into the fusion.
        fused: The same ones fused, rows of length one, [n, d] or [n, 2d].
    """

    model: str
    start: dict[str, Pairs]
    trained: dict[str, Pairs]
    fused: dict[str, Tensor]


def has_two_lines(run: Path) -> bool:
    """Whether a run's model has a behavior side and a modal side.

    Args:
        run: The run's folder.

    Raises:
        UserError: Its configuration cannot be read.
    """
    values = RunFolder(run).read_json("config.json")
    switches = [values.get(key, True) for key in ("use_behavior_line", "use_modal_line")]
    return issubclass(get_model(values["model"]), TwoLineRecommender) and all(switches)


def read_alignment(comparison: Comparison, dataset: str, model: str) -> Aligned:
    """Load a model's first run and sample what its two lines give.

    Args:
        comparison: What was run.
        dataset: The data set; its files are read from where the run read them.
        model: One for which ``has_two_lines``.

    Raises:
        UserError: The checkpoint is missing or damaged, or the data set is not there or has
            changed.
    """
    result = next(iter(comparison.of(dataset, model).values()))
    try:
        prepared = load(comparison.out / result.run)
    except UserError as error:
        raise UserError(
            f"{error} The pictures of the alignment need each run's checkpoint and data set; "
            "--no_checkpoints leaves them out."
        ) from error
    trained, fused = _lines(prepared.model)
    init_seed(prepared.config["seed"], prepared.config["reproducibility"])  # as before training
    data = prepared.train_data._dataset
    untrained = prepared.config.model_class(prepared.config, data).to(prepared.config["device"])
    start, _ = _lines(untrained.eval())
    del prepared, untrained
    gc.collect()
    taken = {kind: _sampled(*trained[kind]) for kind in trained}
    return Aligned(
        model,
        {kind: _pairs(*start[kind], ids) for kind, ids in taken.items()},
        {kind: _pairs(*trained[kind], ids) for kind, ids in taken.items()},
        {kind: F.normalize(fused[kind][ids], dim=-1) for kind, ids in taken.items()},
    )


@torch.no_grad()
def _lines(model: Any) -> tuple[dict[str, tuple[Tensor, Tensor]], dict[str, Tensor]]:
    """Both representations of items and of users, and the fused ones, on the CPU."""
    behavior, modal = model.lines()
    fused: Representations = model.modal_side.fuse(behavior, modal)
    kinds = ("items", "users")
    both = {
        kind: (getattr(behavior, kind).cpu(), getattr(modal.fused, kind).cpu()) for kind in kinds
    }
    return both, {kind: getattr(fused, kind).cpu() for kind in kinds}


def _sampled(behavior: Tensor, modal: Tensor) -> Tensor:
    """Ids of some that have both representations; padding and those without features have not."""
    both = (behavior.norm(dim=1) > 0) & (modal.norm(dim=1) > 0)
    both[0] = False
    having: Tensor = both.nonzero().squeeze(1)
    generator = torch.Generator().manual_seed(SEED)
    return having[torch.randperm(len(having), generator=generator)[:SAMPLE]]


def _pairs(behavior: Tensor, modal: Tensor, ids: Tensor) -> Pairs:
    return Pairs(F.normalize(behavior[ids], dim=-1), F.normalize(modal[ids], dim=-1))
