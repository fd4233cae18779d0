"""Whole comparisons by the command line, in real processes: finished, killed, failed, mistaken."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import yaml

from recbole_drepmrec.cli import main
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.analysis import analyse
from recbole_drepmrec.evaluation.quality_tables import seeds_note
from recbole_drepmrec.evaluation.records import JobKey
from recbole_drepmrec.evaluation.store import check_same_split, load_comparison
from recbole_drepmrec.evaluation.tables import cost
from recbole_drepmrec.files import held
from recbole_drepmrec.quick_start import load
from tests.command_lines import with_words
from tests.datasets import clustered
from tests.model.contract import trainer

ROOT = Path(__file__).parents[1]


def prepare_folder(folder: Path) -> Path:
    """A working folder with a small data set, and its settings in a file."""
    settings = clustered().write(folder / "dataset")
    for key in ("dataset", "checkpoint_dir", "state"):
        del settings[key]
    file = folder / "settings.yaml"
    file.write_text(yaml.safe_dump({**settings, "data_path": "dataset", "epochs": 2}))
    return folder


def words(models: str = "BPR,DRepMRec", seeds: str = "1,2", *more: str) -> list[str]:
    usual = [
        "compare",
        f"--models={models}",
        "--datasets=tiny",
        f"--seeds={seeds}",
        "--config_files=settings.yaml",
        "--out=out",
    ]
    return with_words(usual, *more)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished comparison of two models and two seeds."""
    folder = prepare_folder(tmp_path_factory.mktemp("compare"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(words()) == 0
    return folder


def tables(folder: Path) -> dict[str, str]:
    """Name to content of all tables but those of times."""
    return {
        path.name: path.read_text(encoding="utf-8")
        for path in sorted((folder / "out" / "tables").iterdir())
        if "cost" not in path.name
    }


def written(folder: Path) -> dict[str, int]:
    """When each file of the runs was last written."""
    paths = (folder / "out" / "jobs").rglob("*")
    return {str(path): path.stat().st_mtime_ns for path in paths if path.is_file()}


def test_what_a_comparison_holds(folder: Path) -> None:
    comparison = load_comparison(folder / "out")
    keys = [JobKey("tiny", m, s) for s in (1, 2) for m in ("BPR", "DRepMRec")]
    assert list(comparison.results) == keys
    assert comparison.failures == {}
    assert len({json.dumps(run.data_sha256) for run in comparison.results.values()}) == 1
    for key, result in comparison.results.items():
        assert (result.dataset, result.model, result.seed) == key
        assert result.valid_metric == "ndcg@5"
        curve = comparison.curve(key)
        assert [epoch["epoch"] for epoch in curve] == [0, 1]
        assert result.epochs == 2
        assert result.valid_score == max(epoch["valid"]["ndcg@5"] for epoch in curve)
        assert result.valid == curve[result.best_epoch]["valid"]
        assert result.train_seconds > 0
        assert result.test_seconds > 0
        assert 50 * 2**20 < result.peak_memory < 20 * 2**30
    assert comparison.results[keys[0]].parameters == (61 + 49) * 64


def test_test_metrics_are_those_of_the_kept_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    comparison = load_comparison(folder / "out")
    key = JobKey("tiny", "DRepMRec", 2)
    loaded = load(comparison.out / comparison.results[key].run)
    expected = trainer(loaded).evaluate(loaded.test_data, load_best_model=False)
    for name, value in expected.items():
        assert comparison.results[key].test[name] == pytest.approx(value, abs=6e-5)


def test_lists_of_users(folder: Path) -> None:
    """The metrics of each user follow from their list and their test items."""
    comparison = load_comparison(folder / "out")
    split = comparison.splits["tiny"]
    for key, result in comparison.results.items():
        lists = comparison.lists(key)
        assert lists.top.shape == (60, 5)
        for user in range(60):
            relevant, had = split.relevant[[user]].indices, split.trained[[user]].indices
            assert not np.isin(lists.top[user], had).any()
            recall = np.isin(lists.top[user], relevant).sum() / len(relevant)
            assert lists.scores["recall@5"][user] == pytest.approx(recall)
        assert lists.scores["recall@5"].mean() == pytest.approx(result.test["recall@5"])


def test_tables(folder: Path) -> None:
    kinds = ("breakdown", "cost", "coverage", "differences", "ranking")
    found = sorted(path.name for path in (folder / "out" / "tables").iterdir())
    assert found == sorted(f"tiny-{kind}.{s}" for kind in kinds for s in ("md", "csv", "tex"))
    comparison = load_comparison(folder / "out")
    best, other = comparison.ranked("tiny")
    scores = [comparison.validation_score("tiny", model) for model in (best, other)]
    assert scores[0] is not None
    assert scores[1] is not None
    assert scores[0] >= scores[1]
    ranking = tables(folder)["tiny-ranking.md"].splitlines()
    assert ranking[4].startswith(f"| {best}")
    runs = list(comparison.of("tiny", best).values())
    recalls = [run.test["recall@5"] for run in runs]
    assert f"{np.mean(recalls):.4f} ± {np.std(recalls, ddof=1):.4f}" in ranking[4]
    assert "image: without" in tables(folder)["tiny-breakdown.md"]
    assert "text: without" not in tables(folder)["tiny-breakdown.md"]


def test_again_gives_the_same_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    before = tables(folder), written(folder)
    monkeypatch.setattr(subprocess, "Popen", None)  # nothing may start
    assert main(words()) == 0
    assert (tables(folder), written(folder)) == before
    assert capsys.readouterr().out.startswith("### tiny: ranking")


def test_the_folder_can_be_moved(folder: Path, tmp_path: Path) -> None:
    (folder / "out").rename(tmp_path / "moved")
    try:
        moved = load_comparison(tmp_path / "moved")
        key = JobKey("tiny", "BPR", 1)
        assert moved.lists(key).top.shape == (60, 5)
        assert len(moved.curve(key)) == 2
    finally:
        (tmp_path / "moved").rename(folder / "out")


def test_results_of_other_settings_do_not_count(folder: Path, tmp_path: Path) -> None:
    request = json.loads((folder / "out" / "comparison.json").read_text())
    request["settings"]["tiny/BPR/1"] = "other"
    copy = tmp_path / "out"
    copy.mkdir()
    for name in ("jobs", "data"):
        (copy / name).symlink_to(folder / "out" / name)
    (copy / "comparison.json").write_text(json.dumps(request))
    comparison = load_comparison(copy)
    assert comparison.failures == {JobKey("tiny", "BPR", 1): "not run yet"}
    assert len(comparison.results) == 3


def test_runs_of_different_splits_are_not_compared(folder: Path) -> None:
    comparison = load_comparison(folder / "out")
    check_same_split(comparison)
    key = JobKey("tiny", "DRepMRec", 2)
    other = comparison.results[key].model_copy(
        update={"data_sha256": {**comparison.results[key].data_sha256, "valid": "other"}}
    )
    comparison.results[key] = other
    with pytest.raises(UserError, match="DRepMRec on tiny, seed 2 had other interactions in valid"):
        check_same_split(comparison)


def test_a_model_that_lost_a_seed_is_named_and_no_reference(folder: Path) -> None:
    """Were its bad seeds those that failed, it would look too good."""
    comparison = load_comparison(folder / "out")
    best, other = comparison.ranked("tiny")
    assert analyse(comparison, "tiny").reference == best
    del comparison.results[JobKey("tiny", best, 1)]
    while comparison.ranked("tiny")[0] != best:  # whichever seed it is that was the better one
        key = JobKey("tiny", best, 2)
        comparison.results[key] = comparison.results[key].model_copy(update={"valid_score": 1.0})
    analysis = analyse(comparison, "tiny")
    assert analysis.reference == other
    assert f"over 2 seeds; fewer of {best} (1), whose others failed." in seeds_note(analysis)
    assert "fewer" not in seeds_note(analyse(load_comparison(folder / "out"), "tiny"))


def test_runs_on_different_threads_are_told(folder: Path) -> None:
    comparison = load_comparison(folder / "out")
    assert "cannot be compared" not in cost(analyse(comparison, "tiny")).notes[0]
    key = JobKey("tiny", "BPR", 1)
    comparison.results[key] = comparison.results[key].model_copy(update={"threads": 3})
    (note,) = cost(analyse(comparison, "tiny")).notes
    assert "1 or 3 thread(s), on cpu" in note
    assert "their times cannot be compared" in note


def test_no_comparison_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no comparison\.json"):
        load_comparison(tmp_path)
    (tmp_path / "comparison.json").write_text("{")
    with pytest.raises(UserError, match=r"comparison\.json is damaged"):
        load_comparison(tmp_path)


def test_a_cut_curve_is_a_message(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "out", tmp_path / "out")
    comparison = load_comparison(tmp_path / "out")
    key = JobKey("tiny", "BPR", 1)
    path = tmp_path / "out" / comparison.results[key].run / "metrics.jsonl"
    path.write_text(path.read_text()[:-9])
    with pytest.raises(UserError, match=r"metrics\.jsonl is damaged"):
        comparison.curve(key)


def test_a_split_that_was_removed_is_described_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(prepare_folder(tmp_path))
    assert main(words("Pop", "1")) == 0
    split = tmp_path / "out" / "data" / "tiny" / "split.npz"
    whole = split.read_bytes()
    split.write_bytes(whole[:100])
    capsys.readouterr()
    assert main(words("Pop", "1")) == 2
    assert "split.npz" in capsys.readouterr().err
    split.unlink()
    assert main(words("Pop", "1")) == 0
    assert split.stat().st_size == len(whole)


def test_another_command_on_the_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(prepare_folder(tmp_path))
    with held(tmp_path / "out"):
        assert main(words("Pop", "1")) == 2
    assert "another command is writing to out; wait for it" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]
    assert main(words("Pop", "1")) == 0


def test_a_model_without_gradient_is_validated_whatever_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has one epoch; others count theirs once where the step is longer than they train."""
    monkeypatch.chdir(prepare_folder(tmp_path))
    assert main(words("Pop,ItemKNNCBF,BPR", "1", "--epochs=3", "--eval_step=5")) == 0
    results = load_comparison(tmp_path / "out").results
    assert {key.model: one.epochs for key, one in results.items()} == {
        "Pop": 1,
        "ItemKNNCBF": 1,
        "BPR": 3,
    }


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--models=BPR,LightGNC"], "did you mean 'LightGCN'?"),
        (["--models=BPR,BPR"], "--models names 'BPR' twice, expected different names"),
        (["--models="], "--models is '', in which a name is empty, expected different names"),
        (["--datasets=tinny"], "no data set 'tinny'; did you mean 'tiny'?"),
        (["--seeds=1,1"], "--seeds is '1,1', expected different numbers"),
        (["--seeds=a"], "--seeds is 'a', expected different numbers"),
        (["--reference=Pop"], "--reference is 'Pop', expected one of --models: BPR, DRepMRec"),
        (["--test=z"], "argument --test: invalid choice: 'z'"),
        (["--jobs=0"], "--jobs is 0, expected 1 or more"),
        (["--epohcs=2"], "no option or configuration key 'epohcs'; did you mean 'epochs'?"),
        (["--refernce=BPR"], "no option or configuration key 'refernce'; did you mean 'referen"),
        (["--zzz=1"], "no option or configuration key 'zzz'."),
        (["--topk=[500]", "--valid_metric=NDCG@500"], "the data set has 48 items"),
        (["--modalities={smell: {file: smell.npy}}"], "smell.npy does not exist"),
    ],
)
def test_a_mistake_is_one_message_before_anything_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(prepare_folder(tmp_path))
    assert main(words("BPR,DRepMRec", "1", *more)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not (tmp_path / "out" / "jobs").exists()


def test_a_data_set_that_is_not_there_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prepare_folder(tmp_path))
    assert main(words("BPR", "1", "--datasets=tinny")) == 2
    assert not (tmp_path / "out").exists()


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--help"]) == 0
    assert "--reference" in capsys.readouterr().out


def test_a_run_that_fails_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(prepare_folder(tmp_path))
    assert main(words("BPR,Pop", "1", "--learning_rate=1e30", "--epochs=5")) == 1
    captured = capsys.readouterr()
    assert "failed: BPR on tiny, seed 1: the training loss became nan" in captured.err
    assert "Traceback" not in captured.err
    rows = [line for line in captured.out.splitlines() if line.startswith("| BPR")]
    assert set(rows[0].replace("BPR", "").split()) == {"|", "-"}
    assert "| Pop" in captured.out
    comparison = load_comparison(tmp_path / "out")
    assert list(comparison.results) == [JobKey("tiny", "Pop", 1)]


def start(folder: Path, given: list[str]) -> subprocess.Popen[bytes]:
    program = (  # a shell's background processes ignore SIGINT, and hand that down
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from recbole_drepmrec.cli import main; sys.exit(main())"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, *given],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for(what: Any, seconds: float = 240) -> Any:
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.05)
    return found


def test_a_run_under_way_goes_on_to_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prepare_folder(tmp_path))
    given = words("DRepMRec", "1", "--epochs=40", "--stopping_step=40")
    process = start(tmp_path, given)
    try:
        runs = tmp_path / "out" / "jobs" / "tiny" / "DRepMRec" / "1" / "runs"
        wait_for(lambda: list(runs.glob("*/last.safetensors")))
        children = psutil.Process(process.pid).children()
    finally:
        process.kill()
    process.wait()
    wait_for(lambda: not any(child.is_running() for child in children), seconds=60)
    (run,) = runs.iterdir()
    n_epochs = len((run / "metrics.jsonl").read_text().splitlines())
    assert 0 < n_epochs < 40, "it ended before it could be killed"
    (runs / "another").mkdir()
    assert main(given) == 0
    assert list(runs.iterdir()) == [run]
    assert len(json.loads((run / "run.json").read_text())["resumed"]) == 1
    gone_on = tables(tmp_path)
    shutil.rmtree(tmp_path / "out" / "jobs")
    assert main(given) == 0
    assert tables(tmp_path) == gone_on


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_and_run_again_gives_the_same(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    """Killed once a run is finished and others are under way: these end too, that one stays."""
    monkeypatch.chdir(prepare_folder(tmp_path))
    process = start(tmp_path, words("BPR,DRepMRec", "1,2", "--jobs=2"))
    jobs = tmp_path / "out" / "jobs"
    (first, *_) = wait_for(lambda: list(jobs.rglob("result.json")))
    wait_for(lambda: len(list(jobs.rglob("log.txt"))) > len(list(jobs.rglob("result.json"))))
    children = psutil.Process(process.pid).children()
    os.kill(process.pid, how)
    assert process.wait(timeout=60) == (130 if how == signal.SIGINT else -how)
    wait_for(lambda: not any(child.is_running() for child in children), seconds=60)
    kept = {path: path.stat().st_mtime_ns for path in jobs.rglob("result.json")}
    assert first in kept
    assert len(kept) < 4
    assert main(words()) == 0
    assert len(list(jobs.rglob("result.json"))) == 4
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
    assert tables(tmp_path) == tables(folder)
    assert not list((tmp_path / "out").rglob("*.tmp"))
    assert all(len(list(runs.iterdir())) == 1 for runs in jobs.rglob("runs"))
