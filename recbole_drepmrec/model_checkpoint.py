"""A checkpoint put back into the model that it is of."""

from pathlib import Path
from typing import Any

from recbole_drepmrec.checkpoint import read_checkpoint
from recbole_drepmrec.errors import UserError


def load_checkpoint(path: Path, config: Any, model: Any) -> dict[str, Any]:
    """Load a checkpoint into a model.

    Args:
        path: The checkpoint.
        config: The resolved configuration of the model.
        model: The model, built on the same data and features.

    Returns:
        The whole checkpoint.

    Raises:
        UserError: The file is no checkpoint of ours, of another model, or of other features.
    """
    state = read_checkpoint(path, config["device"])
    if state["model"] != config["model"]:
        raise UserError(f"{path} holds a {state['model']}, but the model is {config['model']}.")
    _check_preparation(path, state["feature_preparation"], preparation_of(model))
    try:
        model.load_state_dict(state["state_dict"])
    except RuntimeError as error:
        raise UserError(f"{path} does not fit the model or the data set: {error}") from error
    model.load_other_parameter(state["other_parameter"])
    return state


def preparation_of(model: Any) -> dict[str, dict[str, Any]]:
    """How a model prepared each modality's features; empty where it reads none.

    Args:
        model: Any model.
    """
    prepare = getattr(model, "feature_preparation", None)
    preparation: dict[str, dict[str, Any]] = prepare() if prepare is not None else {}
    return preparation


def _check_preparation(path: Path, stored: dict[str, Any], current: dict[str, Any]) -> None:
    for name in sorted(stored.keys() | current.keys()):
        there, here = stored.get(name, {}), current.get(name, {})
        keys = sorted((there.keys() | here.keys()) - {"mean"})
        other = [key for key in keys if there.get(key) != here.get(key)]
        if other:
            differences = ", ".join(f"{k} {there.get(k)!r}, now {here.get(k)!r}" for k in other)
            raise UserError(
                f"{path} was trained on other features: modality '{name}' had {differences}. Give "
                "the files and the configuration of that run (its config.json), or train anew."
            )
