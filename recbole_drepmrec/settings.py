"""The meaning of each configuration key: its type, its range, what it does.

Defaults stand in ``properties/``, once; this module says which values are allowed. The keys of a
model stand in the model's own module.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from recbole_drepmrec.data.missing import DropModalities, MissingKind
from recbole_drepmrec.data.sampler import Negatives
from recbole_drepmrec.data.splits import SplitKind
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.graph import Search
from recbole_drepmrec.protocol import Protocol

Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
AboveZero = Annotated[float, Field(gt=0, allow_inf_nan=False)]
FolderName = Annotated[
    str, Field(min_length=1), BeforeValidator(lambda v: str(v) if isinstance(v, Path) else v)
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error", "critical"],
    BeforeValidator(lambda v: v.lower() if isinstance(v, str) else v),
]


class Settings(BaseModel):
    """A group of configuration keys, read from a RecBole configuration and checked."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    @classmethod
    def from_config(cls, config: Any, prefix: str = "") -> Self:
        """Read this group's keys.

        Args:
            config: Anything that gives a value for ``config[key]``.
            prefix: Stands before each key in the configuration.

        Raises:
            UserError: A value has the wrong type or is out of range.
        """
        values = {key: config[prefix + key] for key in cls.model_fields}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise UserError(
                "\n".join(cls._explained(values, entry, prefix) for entry in error.errors())
            ) from None

    @classmethod
    def _explained(cls, values: dict[str, Any], entry: Any, prefix: str) -> str:
        if not entry["loc"]:  # a rule between keys
            return str(entry["ctx"]["error"])
        key, *inside = entry["loc"]
        problem = _plain(f"{entry['msg'][0].lower()}{entry['msg'][1:]}")
        if inside:
            problem += f" (at {', '.join(map(_place, inside))})"
        examples = cls.model_fields[key].examples
        such_as = f" Expected a value such as {examples[0]!r}." if examples else ""
        nowhere = " If it was not given, its property file lacks it." if values[key] is None else ""
        return f"`{prefix}{key}` is {values[key]!r}: {problem}.{nowhere}{such_as}"


def _plain(problem: str) -> str:
    """What pydantic says of a value, without its own words for how it reads one."""
    return re.sub(" or instance of [A-Za-z]+| after validation", "", problem)


def _place(step: str | int) -> str:
    """A key of a mapping, or a number in a list, counted from one."""
    return f"number {step + 1}" if isinstance(step, int) else step


class CommonSettings(Settings):
    """Keys of every model, RecBole's own included, whose range RecBole does not check."""

    seed: NotNegative = Field(description="Seed of all random numbers.")
    epochs: NotNegative = Field(description="Most training epochs.")
    train_batch_size: Positive = Field(description="Training pairs in a batch.")
    eval_batch_size: Positive = Field(description="Scores in an evaluation batch (RecBole).")
    eval_batch_users: Positive = Field(
        description="Users in an evaluation batch, of models whose scores are dot products."
    )
    eval_step: NotNegative = Field(description="Epochs between two validations; 0 for none.")
    stopping_step: NotNegative = Field(description="Validations without improvement to stop after.")
    worker: NotNegative = Field(description="Processes that make the batches; 0 for none.")
    learning_rate: AboveZero = Field(description="Step size of the optimiser.")
    learner: Literal["adam", "adamw", "sgd", "adagrad", "rmsprop", "sparse_adam"] = Field(
        description="The optimiser."
    )
    weight_decay: Weight = Field(description="L2 penalty inside the optimiser.")
    checkpoint_dir: FolderName = Field(description="Folder of the runs' folders.")
    state: LogLevel = Field(description="Least level of the messages on the console.")
    metric_decimal_place: NotNegative = Field(description="Decimals of reported metrics.")
    graph_cache: bool = Field(description="Keep relation graphs beside the data set.")
    knn_search: Search = Field(description="How neighbours by cosine are found.")
    track_similarity: bool = Field(description="Measure each epoch what modal vectors forget.")


class ProtocolSettings(Settings):
    """Keys of the split and of the evaluation, of every model."""

    protocol: Protocol = Field(description="Preset of the keys below and of some of RecBole's.")
    split_by: SplitKind = Field(description="How interactions are split.")
    split_ratios: Annotated[list[AboveZero], Field(min_length=3, max_length=3)] = Field(
        description="Training, validation and test.", examples=[[0.8, 0.1, 0.1]]
    )
    split_field: str = Field(description="Column with the part of each interaction.")
    split_seed: NotNegative | None = Field(description="Seed of the split; None for `seed`.")
    cold_items: Share = Field(description="Share of the items without a training interaction.")
    drop_cold_users: bool = Field(description="Evaluate users with training interactions only.")
    mask_valid_in_test: bool = Field(description="Leave validation items out of the test ranking.")
    negatives: Negatives = Field(description="Items that negatives are drawn from.")
    strict_improvement: bool = Field(description="Whether a tie is no improvement.")


class ModalitySettings(Settings):
    """Keys of the data of every model that reads features."""

    missing: MissingKind = Field(description="What stands for a modality that an item lacks.")
    missing_k: Positive = Field(description="Neighbours of `missing: knn`.")
    drop_modalities: DropModalities | None = Field(
        description="A share of items loses modalities.",
        examples=[{"share": 0.2, "modalities": ["image"]}],
    )
    keep_features: bool = Field(description="Keep prepared features with a run, for new items.")
