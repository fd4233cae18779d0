"""Which search space a model has, and whether it fits the model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recbole.utils import dataset_arguments

from recbole_drepmrec.config import Config
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.plan import EQUAL_KEYS, INDIFFERENT_KEYS, OWN_KEYS
from recbole_drepmrec.registry import host_name, properties_folders
from recbole_drepmrec.suggestions import nearest
from recbole_drepmrec.tuning.space import Space, parse_space, space_lines

MEASURING_KEYS = frozenset(
    {*OWN_KEYS, *EQUAL_KEYS, *INDIFFERENT_KEYS, *dataset_arguments}
    | {"protocol", "bma", "eval_step", "repeatable", "metric_decimal_place", "use_gpu", "gpu_id"}
) - {"use_modalities"}
"""Keys that change what is measured, or where, so that scores could not be compared."""


def space_files(model: str) -> list[Path]:
    """The files of a model's search space; a host's and BMA's for a model that wears it.

    Args:
        model: The model's name.

    Raises:
        UserError: There is none.
    """
    host = host_name(model)
    return [_file(name) for name in ((host,) if host == model else (host, "BMA"))]


def _file(name: str) -> Path:
    places = [folder / "hyper" / f"{name}.hyper" for folder in properties_folders()]
    there = [place for place in places if place.is_file()]
    if not there:
        raise UserError(
            f"{name} has no search space; write one to properties/hyper/{name}.hyper, or give one "
            "with --space, a line a key such as `learning_rate choice [0.001, 0.01]`."
        )
    return there[-1]


def read_lines(model: str, given: Path | None, fixed: Mapping[str, Any]) -> list[str]:
    """The lines of the space that is searched.

    Args:
        model: The model's name.
        given: The file of ``--space``, if one is given.
        fixed: Keys given on the command line, which are not searched.

    Raises:
        UserError: A file cannot be read, a line is not in order, or no key is left.
    """
    files = [given] if given is not None else space_files(model)
    named = {key: line for file in files for key, line in _by_key(file).items()}
    left = [line for key, line in named.items() if key not in fixed]
    if not left:
        where = " and ".join(map(str, files))
        why = f"fixes {', '.join(named)}, all of its keys" if named else "found no key in it"
        raise UserError(f"the search space {where} is empty: the command {why}; add a line a key.")
    return left


def _by_key(file: Path) -> dict[str, str]:
    lines = space_lines(file)
    return dict(zip(parse_space(lines, str(file)), lines, strict=True))


def check_space(
    space: Space, settings: Mapping[str, Any], files: list[str], values: Mapping[str, Any]
) -> None:
    """See that each key is one of the model's, and each value one that it may have.

    Args:
        space: The search space.
        settings: The resolved configuration of the model.
        files: YAML files.
        values: Keys that win over the files.

    Raises:
        UserError: A key or value does not fit.
    """
    model, dataset = settings["model"], settings["dataset"]
    for key, dimension in space.items():
        if key in MEASURING_KEYS:
            raise UserError(
                f"the search space has `{key}`, which changes what is measured or where, so that "
                "scores could not be compared; leave it out, or give one value with "
                f"--{key}."
            )
        if key not in settings:
            near = nearest(key, settings) or "."
            raise UserError(f"the search space has `{key}`, which is no key of {model}{near}")
        for value in dimension.examples():
            try:
                Config(model, dataset, files, {"state": "error", **values, key: value})
            except UserError as error:
                raise UserError(f"the search space does not fit {model}: {error}") from error
