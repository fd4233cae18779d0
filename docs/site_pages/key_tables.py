"""The reference of configuration keys, written from property files and from what checks them."""

from collections.abc import Iterable, Mapping
from typing import Any

from recbole.utils import (
    dataset_arguments,
    evaluation_arguments,
    general_arguments,
    training_arguments,
)

from recbole_drepmrec.literals import read_yaml
from recbole_drepmrec.model.bma_host import BMASettings
from recbole_drepmrec.protocol import PRESETS
from recbole_drepmrec.registry import DEFAULT_DATASET, MODELS, get_model, properties_folders, recbole_properties
from recbole_drepmrec.settings import (
    CommonSettings,
    ModalitySettings,
    ProtocolSettings,
    Settings,
)
from site_pages.properties import Key, commented_keys
from site_pages.values import allowed_values

PROPERTIES = properties_folders()[0]

_KINDS = {"bool": "`True`, `False`", "dict": "mapping", "str": "text"}

_GENERAL = (CommonSettings, ProtocolSettings, ModalitySettings)

_KEYS_INTRO = """\
# Configuration keys

Every key can be given on the command line (`--epochs=50` or `--epochs 50`), in a YAML file (`--config_files FILE`), or in
the property files of the working folder (`properties/overall.yaml`, `properties/model/NAME.yaml`,
`properties/dataset/NAME.yaml`). The command line wins over a given file, and that over the property files. A misspelt
key, a value of the wrong type or one out of range is an error. The keys that one model has stand in
[Keys of the models](models.md).
"""

_MODELS_INTRO = """\
# Keys of the models

Each has its defaults in `properties/model/NAME.yaml`; the search spaces are those of `properties/hyper/NAME.hyper`.
Keys that all models share stand in [Configuration keys](keys.md).
"""

_DATASET_INTRO = """\
## The property file of a data set

`properties/dataset/NAME.yaml` says which columns and modalities there are. This is the one of `ml-100k-mm`:
"""

_RECBOLE_INTRO = """\
## RecBole's own keys

As RecBole defines them, with RecBole's defaults; [its documentation](https://recbole.io/docs/) says what they mean. Those
that keep data as pickles (`save_dataset`, `save_dataloaders`) are refused.
"""


def keys_page() -> str:
    """The page of the keys that any model has, as Markdown."""
    values = _general_values()
    documented = commented_keys(PROPERTIES / "overall.yaml")
    ours = {key.name for keys in documented.values() for key in keys}
    parts = [_KEYS_INTRO, "## Training and evaluation", _table(_checked_keys(ours), values)]
    for heading, keys in documented.items():
        parts += [f"## {heading or 'Data, graphs and the plug-in'}", _table(keys, values)]
    parts += [_presets(), _DATASET_INTRO, _dataset_file()]
    parts += [_RECBOLE_INTRO, _recbole_table(set(values) | ours)]
    return joined(parts)


def models_page() -> str:
    """The page of the keys of each model, as Markdown."""
    parts = [_MODELS_INTRO]
    for name in [*MODELS, "BMA"]:
        parts += [f"## {name}", *_model_part(name)]
    return joined(parts)


def _model_part(name: str) -> list[str]:
    settings: type[Settings] = BMASettings if name == "BMA" else get_model(name).settings_class
    prefix = "bma_" if name == "BMA" else ""
    values = {prefix + key: words for key, words in allowed_values(settings).items()}
    parts = []
    for heading, keys in commented_keys(PROPERTIES / "model" / f"{name}.yaml").items():
        parts += [f"### {name}: {heading}"] if heading else []
        parts.append(_table(keys, values))
    return [*parts, _search_space(name)]


def _general_values() -> dict[str, str]:
    return {key: words for group in _GENERAL for key, words in allowed_values(group).items()}


def _checked_keys(documented: set[str]) -> list[Key]:
    """Keys of RecBole's that this package checks, with RecBole's defaults."""
    defaults = read_yaml(recbole_properties() / "overall.yaml")
    return [
        Key(name, _plain(defaults[name]), "", field.description or "")
        for name, field in CommonSettings.model_fields.items()
        if name not in documented
    ]


def _table(keys: Iterable[Key], values: Mapping[str, str]) -> str:
    rows = [
        (f"`{key.name}`", f"`{key.default}`", values.get(key.name, _KINDS.get(key.kind, key.kind)))
        + (key.meaning,)
        for key in keys
    ]
    return markdown_table(("key", "default", "values", "meaning"), rows)


def joined(parts: Iterable[str]) -> str:
    """Parts of a page with an empty line between them."""
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def markdown_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table of texts of one line; no piece of code in them may hold a vertical bar.

    Args:
        header: Names of the columns.
        rows: Cells, as many as the header has.
    """
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |" for cells in lines)


def _presets() -> str:
    rows = [(f"`{key}`", f"`{_plain(value)}`") for key, value in PRESETS["mmrec"].items()]
    return "## What `protocol: mmrec` sets\n\n" + markdown_table(("key", "value"), rows)


def _dataset_file() -> str:
    text = (PROPERTIES / "dataset" / f"{DEFAULT_DATASET}.yaml").read_text(encoding="utf-8")
    return f"```yaml\n{text.strip()}\n```"


def _recbole_table(listed: set[str]) -> str:
    groups = (general_arguments, training_arguments, evaluation_arguments, dataset_arguments)
    defaults = {
        key: value
        for name in ("overall.yaml", "dataset/sample.yaml")
        for key, value in read_yaml(recbole_properties() / name).items()
    }
    names = dict.fromkeys(name for group in groups for name in group if name not in listed)
    rows = [
        (f"`{name}`", f"`{_plain(defaults[name])}`" if name in defaults else "none")
        for name in names
    ]
    return markdown_table(("key", "default"), rows)


def _search_space(name: str) -> str:
    file = PROPERTIES / "hyper" / f"{name}.hyper"
    lines = [line.split(" ", 2) for line in file.read_text(encoding="utf-8").splitlines() if line]
    return "Search space: " + "; ".join(f"`{key}` in `{choices}`" for key, _, choices in lines)


def _plain(value: Any) -> str:
    """A value as a property file has it, on one line."""
    if isinstance(value, str) and not value.strip():
        return repr(value)
    return "~" if value is None else str(value)
