"""Studies whose trials end at once: their scores are worked out, nothing is trained."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

from recbole_drepmrec.tuning.record import StudyRecord
from recbole_drepmrec.tuning.study import Study, Taken
from recbole_drepmrec.tuning.workers import FOLDER, alive

SPACE = ["rate loguniform -9,0", "layers choice [1, 2, 3]"]


def record(space: list[str] = SPACE, bigger: bool = True, **other: Any) -> StudyRecord:
    values: dict[str, Any] = {
        "model": "VBPR",
        "dataset": "tiny",
        "settings": {"rate": 0.01, "layers": 2, "seed": 7, "epochs": 100, "eval_step": 1},
        "settings_sha256": "of the settings",
        "given": {"epochs": 100},
        "space": space,
        "metric": "ndcg@5",
        "bigger": bigger,
        "first_rung": 2,
        "command": ["recbole-drepmrec", "tune"],
        "versions": {"optuna": "5"},
        "on_gpu": False,
    }
    return StudyRecord(**{**values, "settings": {**values["settings"], "split_seed": 1}, **other})


def score(setting: dict[str, Any]) -> float:
    """Best at a rate of 0.1 and 3 layers."""
    return float(setting.get("layers", 0) - abs(setting["rate"] - 0.1))


def open_study(out: Path, what: StudyRecord | None = None) -> Study:
    out.mkdir(parents=True, exist_ok=True)
    return Study(out, what or record())


@contextmanager
def process(out: Path) -> Iterator[str]:
    """As if a process began and ended here; its name."""
    name = secrets.token_hex(4)
    (out / FOLDER / name).mkdir(parents=True)
    with alive(out, name):
        yield name


def run_all(study: Study, out: Path, most: int) -> list[Taken]:
    """Run trials until there are enough, each with one validation."""
    taken = []
    with process(out) as me:
        while (one := study.take(most, me)) is not None:
            taken.append(one)
            study.may_go_on(one, [score(one.setting)])
            study.end(
                one, TrialState.COMPLETE, score(one.setting), {"seconds": 1.0, "run": "runs/x"}
            )
    return taken
