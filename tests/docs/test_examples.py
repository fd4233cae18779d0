"""The scripts that pages show do what the pages say."""

import runpy
from pathlib import Path

import pytest

from recbole_drepmrec.cli import main

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture(autouse=True)
def work_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_made_up_shop_is_prepared_and_trained_on(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "shop" / "make_shop.py"))
    assert main(["prepare", "csv", "raw", "--name", "shop"]) == 0
    assert "shop: 100 users, 80 items, 1,000 interactions" in capsys.readouterr().out
    assert main(["info", "shop"]) == 0
    [signal] = [line.split() for line in capsys.readouterr().out.splitlines() if "image  " in line]
    assert signal == ["image", "3.626", "0.841", "4.31"]
    assert main(["train", "--dataset=shop", "--epochs=1", "--split_by=user_time"]) == 0
    assert "DRepMRec on shop, best epoch by validation" in capsys.readouterr().out


@pytest.mark.slow
def test_ten_titles_of_the_newest_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--epochs=1", "--state=error"]) == 0
    capsys.readouterr()
    runpy.run_path(str(EXAMPLES / "top_ten.py"))
    titles = capsys.readouterr().out.splitlines()
    assert len(titles) == len(set(titles)) == 10
