"""``study.json``: what is searched, for which model, on which data. It makes a study one."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.plan import INDIFFERENT_KEYS
from recbole_drepmrec.files import write_json
from recbole_drepmrec.tuning.space import Dimension, parse_space

FILE = "study.json"


class StudyRecord(BaseModel):
    """What a study is of.

    Attributes:
        model: The model.
        dataset: The data set.
        settings: The resolved configuration that each trial starts from: the default setting.
        settings_sha256: Its hash, with our version and the data's files.
        given: Keys that the user gave, by files or on the command line.
        space: The lines of the search space.
        metric: The validation metric, such as ``recall@20``.
        bigger: Whether a higher one is better.
        first_rung: Validations after which trials are first compared; None to stop none.
        command: The command that began the study.
        versions: Package to version.
        on_gpu: Whether models are put on a GPU.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    model: str
    dataset: str
    settings: dict[str, Any]
    settings_sha256: str
    given: dict[str, Any]
    space: list[str]
    metric: str
    bigger: bool
    first_rung: int | None = Field(ge=1)
    command: list[str]
    versions: dict[str, str]
    on_gpu: bool

    @model_validator(mode="after")
    def _has_what_trials_read(self) -> Self:
        if missing := sorted(self.dimensions().keys() - self.settings.keys()):
            raise ValueError(f"`settings` lacks {missing[0]}")
        for key in ("seed", "epochs", "eval_step"):
            if not isinstance(self.settings.get(key), int):
                raise ValueError(f"`{key}` is no whole number")
        return self

    @property
    def seed(self) -> int:
        """Of the sampler and of every trial."""
        return int(self.settings["seed"])

    def dimensions(self) -> dict[str, Dimension]:
        """The search space."""
        return parse_space(self.space, FILE)

    def default(self) -> dict[str, Any]:
        """The setting of the first trial: what the model has without a search."""
        return {key: self.settings[key] for key in self.dimensions()}


def write_record(out: Path, record: StudyRecord) -> None:
    """Write ``study.json``."""
    write_json(out / FILE, record.model_dump())


def read_record(out: Path) -> StudyRecord | None:
    """Read ``study.json``; None if there is none.

    Args:
        out: The study's folder.

    Raises:
        UserError: It is damaged.
    """
    path = out / FILE
    if not path.is_file():
        return None
    try:
        return StudyRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is damaged: it is not what `recbole-drepmrec tune` writes; give another --out."
        ) from error


def check_same(out: Path, stored: StudyRecord, asked: StudyRecord) -> None:
    """See that the folder's study is the one that is asked for.

    Args:
        out: The study's folder.
        stored: What it holds.
        asked: What the command is about.

    Raises:
        UserError: It is another one.
    """
    difference = _difference(stored, asked)
    if difference:
        raise UserError(
            f"{out} holds another study: {difference}. Give another --out, or the command that "
            f"made it: {' '.join(stored.command)}"
        )


def _difference(stored: StudyRecord, asked: StudyRecord) -> str:
    for name in ("model", "dataset", "space", "first_rung"):
        there, here = getattr(stored, name), getattr(asked, name)
        if there != here:
            what = {"first_rung": "first comparison of trials"}.get(name, name)
            return f"its {what} is {there}, now {here}"
    keys = sorted(stored.settings.keys() | asked.settings.keys())
    changed = [
        f"`{key}` was {stored.settings.get(key)!r} and is now {asked.settings.get(key)!r}"
        for key in keys
        if key not in INDIFFERENT_KEYS and stored.settings.get(key) != asked.settings.get(key)
    ]
    if changed:  # looked at although the hash is the same: a file may have been written by hand
        return changed[0]
    same = stored.settings_sha256 == asked.settings_sha256
    return "" if same else "the files of the data set, or this package, have changed"
