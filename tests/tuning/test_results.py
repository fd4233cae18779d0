"""What is written of a study, worked out by hand."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from optuna.trial import TrialState

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.report.tuning import write_tuning_page
from recbole_drepmrec.tuning.record import check_same, read_record, write_record
from recbole_drepmrec.tuning.results import load_results
from recbole_drepmrec.tuning.written import write_files
from tests.report.test_report import Reader
from tests.tuning.studies import open_study, process, record, run_all

BAD = "<script>alert(1)</script> & more"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight trials that are finished, one stopped with the best score of all, one failed."""
    out = tmp_path_factory.mktemp("study")
    write_record(out, record())
    study = open_study(out)
    run_all(study, out, 8)
    with process(out) as me:
        stopped, failed = study.take(10, me), study.take(10, me)
        assert stopped is not None
        assert failed is not None
        study.may_go_on(stopped, [9.0])
        study.end(stopped, TrialState.PRUNED, None, {"seconds": 2.0, "run": "runs/y"})
        study.end(failed, TrialState.FAIL, None, {"seconds": 3.0, "reason": BAD})
    write_files(out, load_results(out))
    write_tuning_page(out, load_results(out))
    return out


def test_the_best_is_the_best_finished_one(out: Path) -> None:
    results = load_results(out)
    assert results.best is not None
    assert results.best.score == max(one.score or 0.0 for one in results.of("finished"))
    assert [one.end for one in results.trials] == ["finished"] * 8 + ["stopped", "failed"]
    assert results.trials[8].score == 9.0
    assert results.trials[9].score is None
    assert set(results.importances) == {"rate", "layers"}
    assert next(iter(results.importances)) == "layers"  # worth 2, the rate 0.9
    assert sum(results.importances.values()) == pytest.approx(1)


def test_of_equals_the_first_is_the_best(tmp_path: Path) -> None:
    write_record(tmp_path, record(["layers choice [1, 2]"], settings={**record().settings}))
    study = open_study(tmp_path, read_record(tmp_path))
    with process(tmp_path) as me:
        for _ in range(2):
            one = study.take(2, me)
            assert one is not None
            study.end(one, TrialState.COMPLETE, 0.5, {})
    best = load_results(tmp_path).best
    assert best is not None
    assert best.is_default


def test_a_low_loss_is_the_best(tmp_path: Path) -> None:
    write_record(tmp_path, record(bigger=False))
    run_all(open_study(tmp_path, read_record(tmp_path)), tmp_path, 6)
    results = load_results(tmp_path)
    assert results.best is not None
    assert results.best.score == min(one.score or 0.0 for one in results.trials)


def test_csv(out: Path) -> None:
    with (out / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    results = load_results(out)
    assert results.best is not None
    assert len(rows) == 10
    assert rows[0]["trial"] == str(results.best.number)
    assert float(rows[0]["ndcg@5"]) == results.best.score
    assert float(rows[0]["rate"]) == results.best.setting["rate"]
    assert (rows[-2]["end"], rows[-1]["end"], rows[-1]["reason"]) == ("stopped", "failed", BAD)


def test_best_yaml(out: Path) -> None:
    text = (out / "best.yaml").read_text()
    best = load_results(out).best
    assert best is not None
    assert yaml.safe_load(text) == {"epochs": 100, "split_seed": 1, **best.setting}
    assert f"by validation ndcg@5: {best.score:.4f}, trial {best.number}." in text
    assert "# Trials: 10 (8 finished, 1 stopped, 1 failed); seed 7" in text
    assert "optuna 5" in text


def test_the_page(out: Path) -> None:
    text = (out / "tune.html").read_text(encoding="utf-8")
    read = Reader(text)
    assert read.open == []
    assert "script" not in read.tags
    assert "://" not in text
    assert any(BAD in one for one in read.texts)
    for title in ("History", "Learning curves", "Importances", "Search space"):
        assert title in read.texts
    best = load_results(out).best
    assert best is not None
    assert f"{best.score:.4f}" in read.texts
    assert "0 (default)" in read.texts
    drawn = [value for tag, name, value in read.attributes if (tag, name) == ("svg", "role")]
    assert drawn == ["img"] * 3


def test_the_page_of_a_study_without_a_finished_trial(tmp_path: Path) -> None:
    write_record(tmp_path, record())
    study = open_study(tmp_path)
    with process(tmp_path) as me:
        one = study.take(1, me)
        assert one is not None
        study.end(one, TrialState.FAIL, None, {"reason": "it diverged"})
    write_files(tmp_path, load_results(tmp_path))
    path = write_tuning_page(tmp_path, load_results(tmp_path))
    assert "it diverged" in path.read_text()
    assert not (tmp_path / "best.yaml").exists()


def test_another_study_is_named(tmp_path: Path) -> None:
    settings = {**record().settings, "epochs": 5}
    for other, message in (
        (record(model="BPR"), "its model is VBPR, now BPR"),
        (record(["layers choice [1, 2]"]), "its space is"),
        (record(first_rung=None), "its first comparison of trials is 2, now None"),
        (record(settings=settings, settings_sha256="x"), "`epochs` was 100 and is now 5"),
        (record(settings_sha256="x"), "the files of the data set, or this package, have changed"),
    ):
        with pytest.raises(UserError) as caught:
            check_same(tmp_path, record(), other)
        assert message in str(caught.value)
    check_same(tmp_path, record(), record(command=["another"]))


def test_what_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no study.json"):
        load_results(tmp_path)
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(UserError, match="study.json is damaged"):
        load_results(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"rate": 0.1, "seed": 7, "epochs": 100, "eval_step": 1}},
        {"settings": {**record().settings, "eval_step": "1"}},
        {"first_rung": 0},
    ],
)
def test_a_forged_record_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    content = {**record().model_dump(), **change}
    (tmp_path / "study.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="study.json is damaged"):
        read_record(tmp_path)


def test_settings_that_their_hash_does_not_belong_to_are_another_study(tmp_path: Path) -> None:
    forged = record(settings={**record().settings, "eval_step": 5})
    with pytest.raises(UserError, match="`eval_step` was 5 and is now 1"):
        check_same(tmp_path, forged, record())
