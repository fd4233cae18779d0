"""One small finished comparison that the tests of the report share."""

from pathlib import Path

import pytest

from recbole_drepmrec.cli import main
from tests.test_compare import prepare_folder

HOSTILE = '<script>alert(1)</script> & "it\'s" $x_1$'


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a comparison in ``out``: titles that would break a careless page."""
    folder = prepare_folder(tmp_path_factory.mktemp("report"))
    lines = ["item_id:token\titem_title:token_seq"]
    lines += [f"i{item}\t{HOSTILE} {item}" for item in range(48)]
    (folder / "dataset" / "tiny" / "tiny.item").write_text("\n".join(lines) + "\n")
    words = ["compare", "--models=BPR,DRepMRec", "--datasets=tiny", "--seeds=1", "--out=out"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("OMP_NUM_THREADS", "1")
        more = ["--config_files=settings.yaml", "--track_similarity=True"]
        assert main([*words, *more]) == 0
        assert main(["report", "out"]) == 0
    return folder


@pytest.fixture
def folder(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, as the working folder."""
    monkeypatch.chdir(finished)
    return finished
