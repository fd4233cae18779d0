"""The reference of the keys of each model."""

from recbole_drepmrec.model.bma_host import BMASettings
from recbole_drepmrec.registry import MODELS, get_model, properties_folders
from recbole_drepmrec.settings import Settings
from site_pages.markdown import joined, key_table
from site_pages.properties import commented_keys
from site_pages.values import allowed_values

PROPERTIES = properties_folders()[0]
PLUG_IN = "BMA"

_INTRO = """\
# Keys of the models

Each has its defaults in `properties/model/NAME.yaml`; the search spaces are those of
`properties/hyper/NAME.hyper`. Keys that all models share stand in [Configuration keys](keys.md),
each model's equations in [From Python](python.md#models).
"""


def models_page() -> str:
    """The page, as Markdown."""
    parts = [_INTRO]
    for name in [*MODELS, PLUG_IN]:
        parts += [f"## {name}", *_tables(name), _search_space(name)]
    return joined(parts)


def _tables(name: str) -> list[str]:
    values = _values(name)
    parts = []
    for heading, keys in commented_keys(PROPERTIES / "model" / f"{name}.yaml").items():
        parts += [f"### {name}: {heading}"] if heading else []
        parts.append(key_table(keys, values))
    return parts


def _values(name: str) -> dict[str, str]:
    settings: type[Settings] = BMASettings if name == PLUG_IN else get_model(name).settings_class
    prefix = "bma_" if name == PLUG_IN else ""
    return {prefix + key: words for key, words in allowed_values(settings).items()}


def _search_space(name: str) -> str:
    file = PROPERTIES / "hyper" / f"{name}.hyper"
    lines = [line.split(" ", 2) for line in file.read_text(encoding="utf-8").splitlines() if line]
    return "Search space: " + "; ".join(f"`{key}` in `{choices}`" for key, _, choices in lines)
