"""Which run of a job goes on, and which starts anew."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recbole_drepmrec.config import Config
from recbole_drepmrec.evaluation.going_on import remove_other_runs, stopped_run
from recbole_drepmrec.run_folder import RunFolder
from tests.test_resume import settings_of, stopped_after


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], RunFolder]:
    """Settings, and a run of them that was stopped."""
    settings = settings_of(tmp_path_factory.mktemp("stopped"), model="BPR", epochs=4)
    with pytest.MonkeyPatch.context() as patch:
        return settings, stopped_after(2, patch, settings)


@pytest.fixture
def job(stopped: tuple[dict[str, Any], RunFolder], tmp_path: Path) -> tuple[Config, Path]:
    """The configuration of a job, and the folder of its stopped run."""
    settings, run = stopped
    folder = tmp_path / "runs" / run.path.name
    shutil.copytree(run.path, folder)
    return Config(config_dict={**settings, "checkpoint_dir": str(folder.parent)}), folder


def edited(name: str, part: str, value: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        record = json.loads((folder / "run.json").read_text())
        (record[name] if part else record)[part or name] = value
        (folder / "run.json").write_text(json.dumps(record))

    return edit


def half(name: str) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])

    return cut


def test_a_run_that_was_stopped_goes_on(job: tuple[Config, Path]) -> None:
    config, folder = job
    found = stopped_run(config)
    assert found is not None
    assert found.path == folder


def test_one_that_was_killed_goes_on_too(job: tuple[Config, Path]) -> None:
    config, folder = job
    edited("status", "", "training")(folder)
    assert stopped_run(config) is not None


@pytest.mark.parametrize(
    "happened",
    [
        edited("status", "", "failed"),
        edited("status", "", "finished"),
        edited("versions", "torch", "1.0"),
        edited("machine", "threads", 99),
        edited("code_sha256", "", "another"),
        half("run.json"),
        half("config.json"),
        half("last.safetensors"),
        half("metrics.jsonl"),
        lambda folder: (folder / "metrics.jsonl").unlink(),
        lambda folder: (folder / "metrics.jsonl").write_bytes(b"\xff\n"),
        lambda folder: (folder / "run.json").write_text("[]"),
        lambda folder: (folder / "run.json").unlink(),
        lambda folder: (folder / "config.json").unlink(),
        lambda folder: (folder / "last.safetensors").unlink(),
        lambda folder: shutil.copytree(folder, folder.parent / "another"),
        shutil.rmtree,
    ],
)
def test_otherwise_it_starts_anew(
    job: tuple[Config, Path], happened: Callable[[Path], None]
) -> None:
    config, folder = job
    happened(folder)
    assert stopped_run(config) is None
    remove_other_runs(config, None)
    assert not list(folder.parent.iterdir())


def test_what_nobody_goes_on_with_is_removed(job: tuple[Config, Path]) -> None:
    config, folder = job
    (folder.parent / "another").mkdir()
    remove_other_runs(config, stopped_run(config))
    assert list(folder.parent.iterdir()) == [folder]


def test_a_job_that_never_began(job: tuple[Config, Path]) -> None:
    config, folder = job
    shutil.rmtree(folder.parent)
    assert stopped_run(config) is None
    remove_other_runs(config, None)
