"""Values out of texts and files: literals and YAML, never run."""

import ast
import re
from pathlib import Path
from typing import Any

import yaml

from recbole_drepmrec.errors import UserError


def literal(value: Any) -> Any:
    """Read a text as the Python or YAML literal that it is, without running it.

    ``1e-3``, ``True``, ``None``, ``[10, 20]`` and ``{RS: [0.8, 0.1, 0.1]}`` become values; any
    other text stays text.
    """
    if not isinstance(value, str):
        return value
    if value.lower() in {"true", "false"}:
        return value.lower() == "true"
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        pass
    if value[:1] in {"{", "["}:
        try:
            return yaml.load(value, Loader=Loader)
        except yaml.YAMLError:
            return value
    return value


class Loader(yaml.SafeLoader):
    """A safe loader that reads 1e-3 as a number, as RecBole's does."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file of ``key: value`` lines; an empty one has no keys.

    Args:
        path: The file.

    Raises:
        UserError: It cannot be read, is not YAML, or holds something else.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)
    except OSError as error:
        raise UserError(
            f"the configuration file {path} cannot be read: {error.strerror}."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"the configuration file {path} is not valid YAML: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise UserError(f"the configuration file {path} has to hold `key: value` lines.")
    return values
