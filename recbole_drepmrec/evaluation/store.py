"""The folder of a comparison, and reading all of it: what a report is written from.

    OUT/comparison.json                      what was asked for
    OUT/data/DATASET/split.npz               the data set as all its runs split it
    OUT/jobs/DATASET/MODEL/SEED/result.json  one finished run: metrics, times, memory
    OUT/jobs/DATASET/MODEL/SEED/users.npz    its test lists, and metrics of each user
    OUT/jobs/DATASET/MODEL/SEED/failure.json why it failed, if it did
    OUT/jobs/DATASET/MODEL/SEED/log.txt      what it said
    OUT/jobs/DATASET/MODEL/SEED/runs/RUN_ID/ its run folder
    OUT/jobs/DATASET/MODEL/SEED/task.sha256  hash of settings and data that all of these are of
    OUT/tables/                              the tables

``load_comparison(OUT)`` gives a ``Comparison``::

    comparison = load_comparison(Path("comparison"))
    split = comparison.splits["ml-100k-mm"]              # users, items, titles, counts
    for key, result in comparison.results.items():       # key.dataset, key.model, key.seed
        print(key, result.valid_score, result.test["recall@10"], result.train_seconds)
        lists = comparison.lists(key)                    # lists.top [U, K], lists.scores [U]
        curve = comparison.curve(key)                    # one dict an epoch
    first = split.items[lists.top[0]]                    # raw ids of the first user's list

Nothing in it is a pickle, all files are whole or not there, and the folder can be moved.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.lists import UserLists, read_lists
from recbole_drepmrec.evaluation.records import (
    JobKey,
    JobResult,
    Request,
    read_failure,
    read_request,
    read_result,
)
from recbole_drepmrec.evaluation.split import Split, read_split

NOT_RUN = "not run yet"


@dataclass(frozen=True)
class Comparison:
    """All that a comparison has come to know.

    Attributes:
        out: Its folder.
        request: What was asked for.
        splits: Data set to its split; a data set of which no run began is missing.
        results: The finished runs, in the order of ``request.jobs()``.
        failures: The other runs, and in one line why there is no result.
    """

    out: Path
    request: Request
    splits: dict[str, Split]
    results: dict[JobKey, JobResult]
    failures: dict[JobKey, str]

    def of(self, dataset: str, model: str) -> dict[JobKey, JobResult]:
        """The finished runs of one model on one data set."""
        return {
            key: result
            for key, result in self.results.items()
            if (key.dataset, key.model) == (dataset, model)
        }

    def lists(self, key: JobKey) -> UserLists:
        """Read a run's test lists and per-user metrics, in the order of its split's users.

        Args:
            key: A finished run.

        Raises:
            UserError: The file is damaged, or of another split.
        """
        return read_lists(key.folder(self.out) / "users.npz", self.splits[key.dataset])

    def curve(self, key: JobKey) -> list[dict[str, Any]]:
        """A run's epochs: ``epoch``, ``train_loss``, ``train_seconds``, ``valid`` where measured.

        With ``track_similarity``, ``similarity`` too: modality to ``cka`` and ``overlap``.

        Args:
            key: A finished run.

        Returns:
            One dict an epoch; none for a run folder that was removed.

        Raises:
            UserError: The file is damaged.
        """
        path = self.out / self.results[key].run / "metrics.jsonl"
        if not path.is_file():
            return []
        try:
            return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        except ValueError as error:
            raise UserError(f"{path} is damaged: {error}; remove its run's folder.") from error

    def validation_score(self, dataset: str, model: str) -> float | None:
        """What models are ranked by: the higher, the better.

        It is the mean over seeds of the validation metric that chose the epochs, negative where a
        lower one is better; None where a run was not validated, or there is none.
        """
        runs = list(self.of(dataset, model).values())
        scores = [run.valid_score for run in runs if run.valid_score is not None]
        if not scores or len(scores) < len(runs):
            return None
        return float(np.mean(scores)) * (1 if runs[0].valid_metric_bigger else -1)

    def ranked(self, dataset: str) -> list[str]:
        """The models, best first by validation; those without a score last, as they were given."""
        scores = {model: self.validation_score(dataset, model) for model in self.request.models}
        worst = -np.inf
        return sorted(scores, key=lambda m: worst if (s := scores[m]) is None else s, reverse=True)


def load_comparison(out: Path) -> Comparison:
    """Read a comparison's folder.

    Args:
        out: The folder given by ``recbole-drepmrec compare --out``.

    Returns:
        What is finished; a run that failed, or is of other settings, is among the failures.

    Raises:
        UserError: It is no such folder, or a file in it is damaged.
    """
    request = read_request(out)
    if request is None:
        raise UserError(
            f"{out} {'holds no comparison.json' if out.is_dir() else 'is no folder'}; expected the "
            "folder of `recbole-drepmrec compare` or `ablate`."
        )
    results, failures = {}, {}
    for key in request.jobs():
        result = read_result(key.folder(out), request.settings[key.place])
        if result is not None:
            results[key] = result
        else:
            failures[key] = read_failure(key.folder(out), request.settings[key.place]) or NOT_RUN
    found = dict.fromkeys(key.dataset for key in results)
    splits = {dataset: read_split(split_file(out, dataset)) for dataset in found}
    return Comparison(out, request, splits, results, failures)


def split_file(out: Path, dataset: str) -> Path:
    """Where a data set's split lies."""
    return out / "data" / dataset / "split.npz"


def check_same_split(comparison: Comparison) -> None:
    """See that all runs of a data set had the same training, validation and test interactions.

    Args:
        comparison: What was run.

    Raises:
        UserError: Two runs had not.
    """
    first: dict[str, tuple[JobKey, JobResult]] = {}
    for key, result in comparison.results.items():
        one, other = first.setdefault(key.dataset, (key, result))
        differing = [
            part
            for part, sha256 in result.data_sha256.items()
            if sha256 != other.data_sha256.get(part)
        ]
        if differing:
            raise UserError(
                f"{key} had other interactions in {', '.join(differing)} than {one}, so they "
                "cannot be compared; look in the property files of the two models for keys that "
                "choose data, such as load_col or user_inter_num_interval."
            )
