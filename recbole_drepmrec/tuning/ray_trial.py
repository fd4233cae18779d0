"""One trial as Ray Tune runs it, on any node of the cluster: trained and validated, never tested.

The training runs in a thread and waits after each validation, until Ray Tune asks for the next one
or stops the trial; so a stopped trial ends its run in order.
"""

import json
import os
import threading
from pathlib import Path
from queue import Queue
from time import perf_counter
from typing import Any

from optuna.trial import TrialState
from ray.tune import Trainable

from recbole_drepmrec import compat
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.tuning.record import read_record
from recbole_drepmrec.tuning.worker import Ending, carry_out, failure, within

SCORE, END, NOTES = "score", "end", "notes"
"""What a trial reports: after a validation its score, in the end how it ended, each with notes."""


class RayTrial(Trainable):
    """A trial; its configuration has ``cwd``, ``out``, and ``setting`` as JSON."""

    def setup(self, config: dict[str, Any]) -> None:
        """Begin the training."""
        self._reports: Queue[dict[str, Any]] = Queue()
        self._answers: Queue[bool] = Queue()
        self._asked = False
        self._thread = threading.Thread(target=self._work, args=(config,), daemon=True)
        self._thread.start()

    def step(self) -> dict[str, Any]:
        """Train until the next validation, or to the end."""
        if self._asked:
            self._answers.put(True)
        report = self._reports.get()
        self._asked = SCORE in report
        return {**report, "done": not self._asked}

    def cleanup(self) -> None:
        """Let the training end."""
        self._answers.put(False)
        self._thread.join()

    def _work(self, config: dict[str, Any]) -> None:
        out, started = Path(config["out"]), perf_counter()

        def goes_on(score: float, run: str) -> bool:
            seconds = round(perf_counter() - started, 3)
            notes = {"run": within(run, out), "seconds": seconds}
            self._reports.put({SCORE: score, NOTES: json.dumps(notes)})
            return self._answers.get()

        try:
            compat.quiet_known_warnings()
            settings = {**_settings(config), **json.loads(config["setting"])}
            ending = carry_out(settings, out, goes_on)
        except (Exception, SystemExit) as error:  # whatever it is: a report is waited for
            ending = Ending(TrialState.FAIL, None, failure(error))
        kept = {"best": ending.score, "notes": ending.notes}
        self._reports.put({END: ending.state.name, NOTES: json.dumps(kept)})


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    """The study's settings, in its working folder, on the one GPU that Ray lets be seen."""
    try:
        os.chdir(config["cwd"])
    except OSError as error:
        raise UserError(
            f"{config['cwd']} is not on the node {os.uname().nodename}: every node has to see the "
            "working folder at the same path."
        ) from error
    record = read_record(Path(config["out"]))
    if record is None:
        raise UserError(f"{config['out']} holds no study on the node {os.uname().nodename}.")
    return {**record.settings, **({"gpu_id": "0"} if record.on_gpu else {})}
