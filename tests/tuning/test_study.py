"""Trials are handed out once, the default first; those that were cut off are tried again."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.tuning.halving import goes_on, is_rung
from recbole_drepmrec.tuning.space import identity
from recbole_drepmrec.tuning.study import Study
from tests.tuning.studies import open_study, process, record, run_all


def settings_of(study: Study) -> list[dict[str, Any]]:
    return [one.user_attrs["setting"] for one in study.trials()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of twelve trials, ten of them drawn and two proposed."""
    out = tmp_path_factory.mktemp("whole")
    study = open_study(out)
    run_all(study, out, 12)
    return study


def test_the_default_comes_first_and_nothing_comes_twice(whole: Study) -> None:
    settings = settings_of(whole)
    assert settings[0] == {"rate": 0.01, "layers": 2}
    assert [one.user_attrs["default"] for one in whole.trials()] == [True] + [False] * 11
    assert len({identity(setting) for setting in settings}) == 12
    assert all(setting["layers"] in (1, 2, 3) for setting in settings)
    assert all(0.0001 < setting["rate"] <= 1 for setting in settings)
    assert all(one.state == TrialState.COMPLETE for one in whole.trials())


def test_enough_is_enough_and_more_goes_on(whole: Study, tmp_path: Path) -> None:
    study = open_study(tmp_path)
    run_all(study, tmp_path, 5)
    assert study.take(5, "nobody") is None
    again = open_study(tmp_path)  # as another process, later
    run_all(again, tmp_path, 12)
    assert settings_of(again) == settings_of(whole)


def test_a_trial_that_was_cut_off_is_tried_again_and_nothing_else_changes(
    whole: Study, tmp_path: Path
) -> None:
    """Cut off in the default setting, in the fourth trial, and twice in the ninth."""
    study = open_study(tmp_path)
    for before, most in ((0, 1), (3, 4), (8, 9), (0, 9)):
        if before:
            run_all(study, tmp_path, before)
        with process(tmp_path) as me:
            cut_off = study.take(most, me)
            assert cut_off is not None
            study.may_go_on(cut_off, [9.0])  # it shall count for nothing
        study = open_study(tmp_path)
    run_all(study, tmp_path, 12)
    assert settings_of(study) == settings_of(whole)
    assert [one.value for one in study.trials()] == [one.value for one in whole.trials()]
    assert study.trials()[0].user_attrs["default"]
    assert study.trials()[0].number > 0


def lose(study: Study, out: Path, most: int, reason: str) -> list[str]:
    """As if the process of the next trial was killed alone; what is said of it."""
    with process(out) as me:
        taken = study.take(most, me)
        assert taken is not None
        study.may_go_on(taken, [9.0])
    return study.lost(me, reason)


def test_a_trial_whose_process_is_killed_twice_has_failed(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    run_all(study, tmp_path, 1)
    assert lose(study, tmp_path, 3, "signal 9") == ["trial 1 is tried again: signal 9"]
    assert len(study.trials()) == 2
    assert lose(study, tmp_path, 3, "signal 15") == ["trial 1 has failed: signal 15"]
    assert study.trials()[1].state == TrialState.FAIL
    assert study.trials()[1].user_attrs["reason"] == "2 attempts were cut off: signal 15"
    run_all(study, tmp_path, 3)
    states = [one.state for one in study.trials()]
    assert states == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]


def test_each_trial_is_killed_for_itself(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    with process(tmp_path) as me:
        numbers = [taken.trial.number for taken in (study.take(2, me), study.take(2, me)) if taken]
        said = [study.lost(me, "signal 9", number) for number in numbers]
    assert said == [[f"trial {n} is tried again: signal 9"] for n in (0, 1)]


def test_the_default_that_is_killed_once_is_tried_again_as_the_default(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    assert lose(study, tmp_path, 2, "signal 9") == ["trial 0 is tried again: signal 9"]
    taken = run_all(study, tmp_path, 2)
    assert [one.is_default for one in taken] == [True, False]
    assert [one.state for one in study.trials()] == [TrialState.COMPLETE] * 2


def test_who_is_told_of_a_process_that_was_in_no_trial(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    with process(tmp_path) as me, process(tmp_path) as other:
        taken = study.take(2, other)
        assert study.lost(me, "signal 9") == []
        assert taken is not None
        assert study.trials()[0].state == TrialState.RUNNING


def forged(out: Path, key: str, value: Any) -> Study:
    """A study of two trials, the second noted wrongly."""
    study = open_study(out)
    run_all(study, out, 2)
    with sqlite3.connect(out / "study.db") as database:
        database.execute(
            "update trial_user_attributes set value_json = ? where key = ? and trial_id = 2",
            (json.dumps(value), key),
        )
    return open_study(out)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("worker", "../../elsewhere", "has the note '../../elsewhere' as its `worker`"),
        ("setting", [1], "has the note [1] as its `setting`"),
        ("setting", {"rate": 0.1}, "sets rate instead of rate, layers"),
        ("setting", {"rate": 0.1, "layers": 9}, "has layers=9, which is not in the space"),
        ("default", True, "is wrongly noted as the default setting"),
        ("seconds", "many", "has the note 'many' as its `seconds`"),
    ],
)
def test_a_forged_note_is_refused(tmp_path: Path, key: str, value: Any, message: str) -> None:
    study = forged(tmp_path, key, value)
    with pytest.raises(UserError, match="study.db is damaged: trial 1 ") as caught:
        study.take(3, "me")
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + bytes(200)])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "study.db").write_bytes(content)
    with pytest.raises(UserError, match="study.db cannot be used"):
        open_study(tmp_path)


def test_a_trial_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    with process(tmp_path) as one, process(tmp_path) as other:
        first = study.take(3, one)
        second = open_study(tmp_path).take(3, other)
        assert first is not None
        assert second is not None
        assert first.setting != second.setting
        assert first.is_default
        assert not second.is_default
    third = study.take(3, "later")  # both are gone now
    assert third is not None
    assert third.setting == first.setting
    assert third.is_default


def test_every_setting_of_a_small_space_is_tried_once(tmp_path: Path) -> None:
    study = open_study(tmp_path, record(["layers choice [1, 2, 3]", "rate choice [0.1, 0.01]"]))
    assert len(run_all(study, tmp_path, 30)) == 6
    assert len({identity(setting) for setting in settings_of(study)}) == 6


def test_a_default_outside_the_space_is_tried_all_the_same(tmp_path: Path) -> None:
    study = open_study(tmp_path, record(["layers choice [1, 3]", "rate choice [0.1, 0.2]"]))
    taken = run_all(study, tmp_path, 30)
    assert taken[0].setting == {"rate": 0.01, "layers": 2}
    assert len(taken) == 5


def test_what_scores_well_is_sought(tmp_path: Path) -> None:
    """The best rate is 0.1; the sampler looks near it once it has drawn ten."""
    study = open_study(tmp_path, record(["rate uniform 0,1"]))
    run_all(study, tmp_path, 30)
    distances = [abs(setting["rate"] - 0.1) for setting in settings_of(study)]
    assert sum(distances[15:]) / 15 < 0.5 * sum(distances[1:11]) / 10


def test_a_study_of_losses_seeks_low_ones(tmp_path: Path) -> None:
    study = open_study(tmp_path, record(["rate uniform 0,1"], bigger=False))
    run_all(study, tmp_path, 30)
    rates = [setting["rate"] for setting in settings_of(study)]
    assert sum(rates[10:20]) / 10 > 0.8  # far from 0.1, which would be the best of a score


@pytest.mark.parametrize(
    ("validations", "rung"), [(1, False), (2, True), (3, False), (6, True), (12, False), (18, True)]
)
def test_rungs(validations: int, rung: bool) -> None:
    assert is_rung(validations, 2) is rung


@pytest.mark.parametrize(
    ("scores", "others", "bigger", "on"),
    [
        ([1, 2], [], True, True),
        ([1, 2], [[3, 0, 9]], True, False),  # the best of two goes on: 3, not 9, which came later
        ([1, 2], [[3]], True, True),  # it did not come so far
        ([3, 1], [[2, 2], [1, 1]], True, True),
        ([2, 1], [[3, 2], [1, 1]], True, False),
        ([2, 2], [[3, 3], [1, 1], [0, 0], [1, 0], [1, 1]], True, True),  # second of six
        ([2, 2], [[3, 3], [1, 1], [0, 0], [1, 0]], True, False),  # second of five
        ([2, 2], [[2, 2]], True, True),  # a tie with the last that goes on
        ([2, 1], [[3, 3]], False, True),
        ([2, 3], [[1, 3]], False, False),
    ],
)
def test_halving(scores: list[float], others: list[list[float]], bigger: bool, on: bool) -> None:
    assert goes_on(scores, others, bigger) is on


def test_who_falls_behind_is_stopped_but_never_the_default(tmp_path: Path) -> None:
    study = open_study(tmp_path, record(first_rung=2))
    with process(tmp_path) as me:
        default, good, bad = (study.take(4, me) for _ in range(3))
        assert default is not None
        assert good is not None
        assert bad is not None
        for taken, scores in ((good, [0.5, 0.6]), (default, [0.1, 0.1])):
            assert study.may_go_on(taken, scores[:1])
            assert study.may_go_on(taken, scores)
        assert study.may_go_on(bad, [0.1])
        assert not study.may_go_on(bad, [0.1, 0.2])


def test_nobody_is_stopped_at_the_last_epoch_or_without_rungs(tmp_path: Path) -> None:
    for name, what in (
        ("last", record(settings={**record().settings, "epochs": 2})),
        ("never", record(first_rung=None)),
    ):
        study = open_study(tmp_path / name, what)
        with process(tmp_path / name) as me:
            taken = [study.take(2, me) for _ in range(2)]
            for one, scores in zip(taken, ([0.9, 0.9], [0.1, 0.1]), strict=True):
                assert one is not None
                assert study.may_go_on(one, scores[:1])
                assert study.may_go_on(one, scores)
