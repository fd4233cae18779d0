"""What some of RecBole's models and trainers know besides parameters and one optimizer.

RecBole's checkpoints leave it out, so a training that goes on from one would be another training.
"""

from typing import Any

import torch

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "DiffRec": ("Lt_history", "Lt_count"),  # losses so far, by which diffusion steps are drawn
    "LDiffRec": ("update_count", "update_count_vae"),
    "LINE": ("random_list", "random_pr"),  # shuffled users, and the next one
    "MacridVAE": ("update",),  # steps so far, by which the weight of the divergence grows
    "MultiVAE": ("update",),
    "NCL": ("user_centroids", "user_2cluster", "item_centroids", "item_2cluster"),
    "RaCT": ("update",),
}
"""Model to what changes in it while it trains; a model that inherits from one has this too."""


def keep_attributes(model: Any) -> None:
    """Let ``other_parameter``, which RecBole puts into a checkpoint, hold all that changes.

    Args:
        model: Any model of RecBole's.
    """
    names = [name for kind in type(model).__mro__ for name in ATTRIBUTES.get(kind.__name__, ())]
    kept = getattr(model, "other_parameter_name", [])
    model.other_parameter_name = [*kept, *(name for name in names if name not in kept)]


def optimizers(trainer: Any) -> dict[str, torch.optim.Optimizer]:
    """A trainer's optimizers, by the name of its attribute.

    Of several, as RecVAE's has, ``optimizer`` is none: it stands for the one now at work.

    Args:
        trainer: Any trainer of RecBole's.
    """
    found = {
        name: value
        for name, value in vars(trainer).items()
        if isinstance(value, torch.optim.Optimizer)
    }
    if len(found) > 1:
        found.pop("optimizer", None)
    return found
