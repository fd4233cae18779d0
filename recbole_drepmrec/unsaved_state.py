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
        model: Any model; of one that wears BMA, its host has it.
    """
    model = getattr(model, "host", model)
    kept = list(getattr(model, "other_parameter_name", []))
    for kind in type(model).__mro__:
        for name in ATTRIBUTES.get(kind.__name__, ()):
            if hasattr(model, name) and name not in kept:  # a model of one's own may be a LINE too
                kept.append(name)
    model.other_parameter_name = kept


def optimizers(trainer: Any) -> dict[str, torch.optim.Optimizer]:
    """A trainer's optimizers, each once, by the name of its attribute.

    RecVAE's has two, and lets ``optimizer`` be the one at work, so that name comes last.

    Args:
        trainer: Any trainer.
    """
    found: dict[str, torch.optim.Optimizer] = {}
    for name in sorted(vars(trainer), key=lambda attribute: attribute == "optimizer"):
        value = getattr(trainer, name)
        if isinstance(value, torch.optim.Optimizer) and value not in found.values():
            found[name] = value
    return found
