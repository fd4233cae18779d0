"""Ray Tune's trials noted in a study, and what a trial reports; no cluster is started."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from recbole_drepmrec.tuning.attempts import scores_of
from tests.tuning.studies import open_study, process

pytest.importorskip("ray", reason="needs the extra ray")

from recbole_drepmrec.tuning import ray_trial
from recbole_drepmrec.tuning.ray_book import Book
from recbole_drepmrec.tuning.ray_trial import END, NOTES, SCORE, RayTrial


def report(value: float) -> dict[str, Any]:
    return {SCORE: value, NOTES: json.dumps({"run": "runs/x", "seconds": 1.0})}


def ending(value: float) -> dict[str, Any]:
    kept = {"best": value, "notes": {"run": "runs/x", "seconds": 2.0}}
    return {END: "COMPLETE", NOTES: json.dumps(kept)}


def test_trials_are_handed_out_while_there_is_room(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    with process(tmp_path) as me:
        book = Book(study, tmp_path, 3, me, lambda: 2)
        first = book.next("a")
        assert isinstance(first, dict)
        assert json.loads(first["setting"]) == {"rate": 0.01, "layers": 2}
        assert (first["cwd"], first["out"]) == (os.getcwd(), str(tmp_path))
        assert isinstance(book.next("b"), dict)
        assert book.next("c") is None  # no room
        assert book.goes_on("a", report(0.5))
        book.ended("a", ending(0.5))
        assert isinstance(book.next("c"), dict)
        book.ended("b", ending(0.4))
        assert book.next("d") is None  # "c" may yet be lost
        book.ended("c", ending(0.3))
        assert isinstance(book.next("d"), str)  # all are over
    assert [one.value for one in study.trials()] == [0.5, 0.4, 0.3]
    assert study.trials()[0].user_attrs["seconds"] == 2.0


def test_who_falls_behind_is_stopped_and_what_ray_says_later_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = open_study(tmp_path)
    with process(tmp_path) as me:
        book = Book(study, tmp_path, 2, me, lambda: 2)
        assert book.next("default")
        assert book.next("bad")
        assert all(book.goes_on("default", report(value)) for value in (0.5, 0.6))
        assert book.goes_on("bad", report(0.1))
        assert not book.goes_on("bad", report(0.2))
        book.ended("bad", report(0.2))
        book.lost("bad", "its process was lost")
        book.ended("default", ending(0.6))
        book.lost("default", "its process was lost")
    assert [one.state for one in study.trials()] == [TrialState.COMPLETE, TrialState.PRUNED]
    assert study.trials()[1].user_attrs["run"] == "runs/x"
    assert [scores_of(one) for one in study.trials()] == [[0.5, 0.6], [0.1, 0.2]]
    assert capsys.readouterr().err == ""


def test_a_lost_trial_alone_is_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = open_study(tmp_path)
    with process(tmp_path) as me:
        book = Book(study, tmp_path, 2, me, lambda: 2)
        first, second = book.next("a"), book.next("b")
        book.lost("b", "its node is gone")
        assert capsys.readouterr().err == "trial 1 is tried again: its node is gone\n"
        assert [one.state for one in study.trials()] == [TrialState.RUNNING, TrialState.WAITING]
        assert book.next("c") == second != first


def trial(tmp_path: Path, cwd: Path) -> RayTrial:
    return RayTrial(config={"cwd": str(cwd), "out": str(tmp_path), "setting": "{}"})


def test_a_node_without_the_working_folder_says_so(tmp_path: Path) -> None:
    one = trial(tmp_path, tmp_path / "elsewhere")
    last = one.step()
    one.cleanup()
    assert last["done"]
    assert last[END] == "FAIL"
    reason = json.loads(last[NOTES])["notes"]["reason"]
    assert reason.startswith(f"{tmp_path / 'elsewhere'} is not on the node ")


@pytest.mark.timeout(60)
def test_whatever_ends_the_training_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = secrets.token_hex(4)

    def leave(config: dict[str, Any]) -> dict[str, Any]:
        raise SystemExit(said)

    monkeypatch.setattr(ray_trial, "_settings", leave)
    one = trial(tmp_path, tmp_path)
    last = one.step()
    one.cleanup()
    assert last["done"]
    assert json.loads(last[NOTES])["notes"] == {"reason": f"SystemExit: {said}"}
