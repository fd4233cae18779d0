"""The command ``info``: figures on the screen, pictures in files."""

from pathlib import Path

import pytest
import yaml

from recbole_drepmrec.cli import main
from tests.datasets import DatasetFiles, clustered


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set and its property file, in a working folder of its own."""
    monkeypatch.chdir(tmp_path)
    write(clustered(), tmp_path)
    return tmp_path


def write(files: DatasetFiles, parent: Path) -> None:
    settings = files.write(parent / "dataset")
    keys = {key: settings[key] for key in ("benchmark_filename", "load_col", "modalities")}
    file = parent / "properties" / "dataset" / "tiny.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(keys))


def test_figures_and_pictures(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "tiny", "--data_path", "dataset"]) == 0
    text = capsys.readouterr().out
    assert "users           60" in text
    assert "6 features, 7 items without" in text
    rows = [line.split() for line in text.splitlines() if line.startswith("text")]
    assert float(rows[0][-1]) > 2  # users keep to their cluster, and the features show it
    pictures = {path.name for path in (written / "dataset" / "tiny" / "info").iterdir()}
    assert pictures == {"long_tail.png", "cosines.png", "signal.png"}
    for name in pictures:
        content = (written / "dataset" / "tiny" / "info" / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) > 5000


def test_without_modalities_there_is_the_long_tail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = clustered()
    write(DatasetFiles(files.train, files.valid, files.test), tmp_path)
    assert main(["info", "tiny", "--out", "pictures"]) == 0
    assert [path.name for path in Path("pictures").iterdir()] == ["long_tail.png"]


def test_unknown_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "nosuchset", "--data_path", str(tmp_path)]) == 2
    assert "there is no data set 'nosuchset'" in capsys.readouterr().err


def test_a_data_path_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "nowhere"
    assert main(["info", "nosuchset", "--data_path", str(nowhere)]) == 2
    error = capsys.readouterr().err
    assert f"The folder of data sets, --data_path={nowhere}, does not exist" in error
