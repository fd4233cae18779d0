"""What is written down of a comparison: what was asked for, and what each run gave."""

from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import write_json

Test = Literal["t", "wilcoxon"]
"""Paired test over users: of the mean difference, or of signed ranks."""


class JobKey(NamedTuple):
    """One run of a comparison."""

    dataset: str
    model: str
    seed: int

    def __str__(self) -> str:
        return f"{self.model} on {self.dataset}, seed {self.seed}"

    def folder(self, out: Path) -> Path:
        """Where the run's results lie."""
        return out / "jobs" / self.place

    @property
    def place(self) -> str:
        """Its folder below ``jobs``, which is its name in ``comparison.json`` too."""
        return f"{self.dataset}/{self.model}/{self.seed}"


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1


class Request(_Stored):
    """What a comparison was asked for.

    Attributes:
        datasets: Data sets, in the order given.
        models: Models, in the order given.
        seeds: Seeds, in the order given.
        reference: The model that the others are tested against; None for the best by validation.
        test: The paired test whose p-values are corrected.
        settings: Path of each job's folder below ``jobs`` to the hash of its settings.
    """

    datasets: list[str]
    models: list[str]
    seeds: list[int]
    reference: str | None
    test: Test
    settings: dict[str, str]

    def jobs(self) -> list[JobKey]:
        """All runs, a data set after the other, seeds before models."""
        return [
            JobKey(dataset, model, seed)
            for dataset in self.datasets
            for seed in self.seeds
            for model in self.models
        ]


class JobResult(_Stored):
    """What one finished run gave.

    Attributes:
        settings_sha256: Hash of the configuration, our version and the data's files.
        data_sha256: Hash of each part of the split.
        valid_metric: The metric that chose the epoch, such as ``recall@20``.
        valid_metric_bigger: Whether a higher one is better.
        valid_score: Its best value on validation data; None without validation.
        valid: All validation metrics of the chosen epoch.
        test: Mean over users of each top-k metric on test data, of the chosen epoch.
        beyond: RecBole's coverage, Gini, entropy, popularity and tail metrics of the test lists.
        epochs: Epochs trained.
        best_epoch: The chosen one, counted from 0.
        train_seconds: Training, all epochs.
        valid_seconds: Validation, all epochs.
        test_seconds: Ranking all items for all test users once.
        peak_memory: Most bytes of memory that the process held.
        peak_gpu_memory: Most bytes that its tensors held on the GPU; 0 on CPU.
        parameters: Numbers that training may change.
        threads: Threads of the process.
        device: Where the model was, such as ``cpu``.
        negatives: RecBole's ``train_neg_sample_args``: how many negatives a positive has.
        versions: Package to version.
        run: The run folder, relative to the comparison's.
    """

    dataset: str
    model: str
    seed: int
    settings_sha256: str
    data_sha256: dict[str, str]
    valid_metric: str
    valid_metric_bigger: bool
    valid_score: float | None
    valid: dict[str, float]
    test: dict[str, float]
    beyond: dict[str, float]
    epochs: int
    best_epoch: int
    train_seconds: float
    valid_seconds: float
    test_seconds: float
    peak_memory: int
    peak_gpu_memory: int
    parameters: int
    threads: int
    device: str
    negatives: dict[str, Any]
    versions: dict[str, str]
    run: str


class _Failure(_Stored):
    settings_sha256: str
    reason: str


def make_request(reference: str | None, test: Test, settings: dict[JobKey, str]) -> Request:
    """Put together what is asked for.

    Args:
        reference: The reference model, if one is named.
        test: The paired test.
        settings: The hash of each job's settings, for each data set, model and seed.
    """
    return Request(
        datasets=list(dict.fromkeys(key.dataset for key in settings)),
        models=list(dict.fromkeys(key.model for key in settings)),
        seeds=list(dict.fromkeys(key.seed for key in settings)),
        reference=reference,
        test=test,
        settings={key.place: value for key, value in settings.items()},
    )


def write_request(out: Path, request: Request) -> None:
    """Write ``comparison.json``."""
    write_json(out / "comparison.json", request.model_dump())


def read_request(out: Path) -> Request | None:
    """Read ``comparison.json``; None if there is none.

    Args:
        out: The comparison's folder.

    Raises:
        UserError: It is damaged.
    """
    path = out / "comparison.json"
    request = _read(Request, path)
    if request is None and path.is_file():
        raise UserError(
            f"{path} is damaged: it is not what `recbole-drepmrec compare` writes. Give the same "
            "command again; it keeps the finished runs."
        )
    return request


def write_result(folder: Path, result: JobResult) -> None:
    """Write a run's ``result.json``, which says that it is finished: the last of its files."""
    write_json(folder / "result.json", result.model_dump())


def read_result(folder: Path, settings_sha256: str) -> JobResult | None:
    """Read a run's result; None if it is not finished, or is of other settings.

    Args:
        folder: The run's folder.
        settings_sha256: The hash that its settings have now.
    """
    result = _read(JobResult, folder / "result.json")
    current = result is not None and result.settings_sha256 == settings_sha256
    return result if current and (folder / "users.npz").is_file() else None


def write_failure(folder: Path, settings_sha256: str, reason: str) -> None:
    """Write into a run's folder why it failed.

    Args:
        folder: The run's folder.
        settings_sha256: The hash of its settings.
        reason: Why, of which one line is made.
    """
    failure = _Failure(settings_sha256=settings_sha256, reason=" ".join(reason.split()))
    write_json(folder / "failure.json", failure.model_dump())


def read_failure(folder: Path, settings_sha256: str) -> str | None:
    """Read from a run's folder why it failed; None if it did not, or with other settings.

    Args:
        folder: The run's folder.
        settings_sha256: The hash that its settings have now.
    """
    failure = _read(_Failure, folder / "failure.json")
    current = failure is not None and failure.settings_sha256 == settings_sha256
    return failure.reason if failure is not None and current else None


Model = TypeVar("Model", bound=_Stored)


def _read(kind: type[Model], path: Path) -> Model | None:
    """Read a JSON file of ours; None if it is missing or not whole."""
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None
