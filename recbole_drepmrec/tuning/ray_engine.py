"""Ray Tune as what runs the trials of a study, on the nodes of a cluster.

The study stays the one book of trials: what is tried next, who trains on and how each ended is
decided and written here, by the command's own process, through Ray Tune's two interfaces for that,
a search algorithm and a scheduler. So default first, proposals, halving, resuming and the files are
those of the other engine, and ``study.db`` has one writer, however many nodes there are. Ray Tune
places the trials, starts their processes, and tells when one is lost; its own checkpoints of an
experiment, which are pickles, are never read.
"""

import logging
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.schedule import Machine
from recbole_drepmrec.tuning.ray_book import Book
from recbole_drepmrec.tuning.ray_trial import RayTrial
from recbole_drepmrec.tuning.study import Study
from recbole_drepmrec.tuning.workers import FOLDER, alive

SWITCHES = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent anywhere
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C ends the command, as with the other engine
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_worker_niceness": "0",  # Ray's 15 is for workers beside a user's own programs
}
"""Ray's switches, where the environment does not set them."""


class _Proposals(Searcher):
    """What Ray Tune asks for new trials."""

    def __init__(self, book: Book) -> None:
        super().__init__()
        self._book = book

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        return self._book.next(trial_id)

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        """The scheduler has noted it."""

    def save(self, checkpoint_path: str) -> None:
        """The study keeps itself."""


class _Decisions(FIFOScheduler):
    """What Ray Tune tells of each validation, and asks whether the trial trains on."""

    def __init__(self, book: Book) -> None:
        super().__init__()
        self._book = book

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        on = self._book.goes_on(trial.trial_id, result)
        return str(self.CONTINUE if on else self.STOP)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        self._book.ended(trial.trial_id, result)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        error = trial.get_error()
        said = str(error).strip().splitlines() or [""]
        reason = f"its process was lost ({type(error).__name__}: {said[0]})"
        self._book.lost(trial.trial_id, reason)


def run_on_ray(study: Study, out: Path, most: int, limits: Machine, address: str | None) -> None:
    """Run trials on a Ray cluster until the study has enough.

    Args:
        study: The study.
        out: Its folder.
        most: Trials that it is to have.
        limits: How many trials run at a time at most, and with how many threads each.
        address: The cluster's, None to start one on this machine.

    Raises:
        UserError: There is no such cluster, or no node has room for a trial.
    """
    each = {"cpu": float(limits.threads), "gpu": 1.0 if study.record.on_gpu else 0.0}
    name = f"ray-{secrets.token_hex(4)}"
    at_most = limits.most if address is None or not limits.watches_memory else sys.maxsize
    with cluster(limits, address):
        if not _room(each):
            raise UserError(
                f"no node of the cluster has {limits.threads} CPUs"
                f"{' and a GPU' if each['gpu'] else ''} for a trial; set OMP_NUM_THREADS lower."
            )
        (out / FOLDER / name).mkdir(parents=True)
        book = Book(study, out, most, name, lambda: min(at_most, _room(each)))
        with alive(out, name):
            _tune(book, out, name, each)


def _room(each: dict[str, float]) -> int:
    """How many trials fit on the nodes that are there now."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    needs = [(kind.upper(), number) for kind, number in each.items() if number]
    return sum(int(min(node.get(kind, 0.0) // number for kind, number in needs)) for node in nodes)


def _tune(book: Book, out: Path, name: str, each: dict[str, float]) -> None:
    tune.run(
        RayTrial,
        name=name,
        storage_path=str((out / FOLDER).resolve()),
        search_alg=_Proposals(book),
        scheduler=_Decisions(book),
        num_samples=-1,
        resources_per_trial=each,
        checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        trial_dirname_creator=lambda trial: trial.trial_id,
        log_to_file=True,
        max_failures=0,  # the study counts attempts, and tries again
        raise_on_failed_trial=False,
        verbose=0,
    )


@contextmanager
def cluster(limits: Machine, address: str | None) -> Iterator[None]:
    """Be connected to a Ray cluster.

    Args:
        limits: The size of one that is started.
        address: The cluster's, None to start one on this machine.

    Raises:
        UserError: There is no such cluster.
    """
    for key, value in SWITCHES.items():
        os.environ.setdefault(key, value)
    own: dict[str, Any] = (
        {} if address else {"num_cpus": limits.most * limits.threads, "include_dashboard": False}
    )
    try:
        # without an address it would join whatever cluster is found here
        ray.init(
            address=address or "local", logging_level=logging.ERROR, log_to_driver=False, **own
        )
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        said = " ".join(str(error).split())
        where = f"the Ray cluster at {address}" if address else "Ray"
        raise UserError(f"{where} cannot be used: {said} See --ray_address.") from error
    try:
        yield
    finally:
        ray.shutdown()
