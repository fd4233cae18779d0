"""The reference of the configuration keys that any model has, and of the property files."""

from recbole.utils import (
    dataset_arguments,
    evaluation_arguments,
    general_arguments,
    training_arguments,
)

from recbole_drepmrec.literals import read_yaml
from recbole_drepmrec.protocol import PRESETS
from recbole_drepmrec.registry import DEFAULT_DATASET, properties_folders, recbole_properties
from recbole_drepmrec.settings import CommonSettings, ModalitySettings, ProtocolSettings
from site_pages.markdown import code, joined, key_table, plain, table
from site_pages.properties import Key, commented_keys
from site_pages.values import allowed_values

PROPERTIES = properties_folders()[0]

_INTRO = """\
# Configuration keys

Every key can be given on the command line (`--epochs=50` or `--epochs 50`), in a YAML file
(`--config_files FILE`), or in the property files of the working folder (`properties/overall.yaml`,
`properties/model/NAME.yaml`, `properties/dataset/NAME.yaml`). The command line wins over a given
file, and that over the property files. A misspelt key, a value of the wrong type or one out of
range is an error. The keys that one model has stand in [Keys of the models](models.md).
"""

_DATASET_INTRO = """\
## The property file of a data set

`properties/dataset/NAME.yaml` says which columns and modalities there are. This is the one of
`ml-100k-mm`:
"""

_RECBOLE_INTRO = """\
## RecBole's own keys

As RecBole defines them, with RecBole's defaults; [its documentation](https://recbole.io/docs/)
says what they mean. Those that keep data as pickles (`save_dataset`, `save_dataloaders`) are
refused.
"""


def keys_page() -> str:
    """The page, as Markdown."""
    groups = (CommonSettings, ProtocolSettings, ModalitySettings)
    values = {key: words for group in groups for key, words in allowed_values(group).items()}
    documented = commented_keys(PROPERTIES / "overall.yaml")
    ours = {key.name for keys in documented.values() for key in keys}
    parts = [_INTRO, "## Training and evaluation", key_table(_checked_keys(ours), values)]
    for heading, keys in documented.items():
        parts += [f"## {heading or 'Data, graphs and the plug-in'}", key_table(keys, values)]
    parts += ["## What `protocol: mmrec` sets", _preset()]
    parts += [_DATASET_INTRO, code(_dataset_file(), "yaml")]
    return joined([*parts, _RECBOLE_INTRO, _recbole_table(set(values) | ours)])


def _checked_keys(documented: set[str]) -> list[Key]:
    """Keys of RecBole's that this package checks, with RecBole's defaults."""
    defaults = read_yaml(recbole_properties() / "overall.yaml")
    return [
        Key(name, plain(defaults[name]), "", field.description or "")
        for name, field in CommonSettings.model_fields.items()
        if name not in documented
    ]


def _preset() -> str:
    rows = [(f"`{key}`", f"`{plain(value)}`") for key, value in PRESETS["mmrec"].items()]
    return table(("key", "value"), rows)


def _dataset_file() -> str:
    return (PROPERTIES / "dataset" / f"{DEFAULT_DATASET}.yaml").read_text(encoding="utf-8")


def _recbole_table(listed: set[str]) -> str:
    groups = (general_arguments, training_arguments, evaluation_arguments, dataset_arguments)
    files = [recbole_properties() / name for name in ("overall.yaml", "dataset/sample.yaml")]
    defaults = {key: value for file in files for key, value in read_yaml(file).items()}
    names = dict.fromkeys(name for group in groups for name in group if name not in listed)
    rows = [
        (f"`{name}`", f"`{plain(defaults[name])}`" if name in defaults else "none")
        for name in names
    ]
    return table(("key", "default"), rows)
