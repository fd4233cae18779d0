"""Downloads that work, fail and are declined, without a network."""

import urllib.error
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recbole_drepmrec.data import download as module
from recbole_drepmrec.data.download import download
from recbole_drepmrec.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "dataset" / "ml-1m"


def _raise(error: Exception) -> Callable[..., Any]:
    def call(*_: object) -> Any:
        raise error

    return call


def test_the_archive_is_unpacked_and_renamed(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    def fetch(url: str, where: str) -> str:
        path = f"{where}/{url.rpartition('/')[2]}"
        with zipfile.ZipFile(path, "w") as archive:
            stem = url.rpartition("/")[2].removesuffix(".zip")
            archive.writestr(f"{stem}.inter", "user_id:token\n1\n")
        return path

    monkeypatch.setattr(module, "decide_download", lambda url: True)
    monkeypatch.setattr(module, "download_url", fetch)
    download("ml-1m", folder)
    assert [path.name for path in folder.iterdir()] == ["ml-1m.inter"]


def test_an_unknown_name_suggests_known_and_present_ones(folder: Path) -> None:
    (folder.parent / "mini-shop").mkdir(parents=True)
    with pytest.raises(UserError, match=r"'ml-1mm' was not found.*Did you mean ml-1m") as caught:
        download("ml-1mm", folder.parent / "ml-1mm")
    assert str(folder.parent / "ml-1mm") in str(caught.value)
    assert "data_path" in str(caught.value)
    with pytest.raises(UserError, match=r"Did you mean mini-shop"):
        download("minishop", folder.parent / "minishop")


@pytest.mark.parametrize(
    "error",
    [urllib.error.URLError("no route"), ConnectionResetError("reset"), TimeoutError("slow")],
)
def test_no_network(monkeypatch: pytest.MonkeyPatch, folder: Path, error: Exception) -> None:
    monkeypatch.setattr(module, "decide_download", _raise(error))
    with pytest.raises(UserError, match=r"'ml-1m'.*failed.*(no route|reset|slow).*unpack https://"):
        download("ml-1m", folder)
    assert not folder.exists()


@pytest.mark.parametrize(
    "error",
    [RuntimeError("broke off"), ConnectionResetError("broke off"), TimeoutError("broke off")],
)
def test_a_download_that_breaks_off_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, folder: Path, error: Exception
) -> None:
    monkeypatch.setattr(module, "decide_download", lambda url: True)
    monkeypatch.setattr(module, "download_url", _raise(error))
    with pytest.raises(UserError, match=r"fetching it failed: broke off"):
        download("ml-1m", folder)
    assert list(folder.parent.iterdir()) == []


def test_an_archive_that_is_none(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    def fetch(url: str, where: str) -> str:
        path = f"{where}/page.zip"
        with open(path, "w") as file:
            file.write("<html>")
        return path

    monkeypatch.setattr(module, "decide_download", lambda url: True)
    monkeypatch.setattr(module, "download_url", fetch)
    with pytest.raises(UserError, match=r"not a zip file"):
        download("ml-1m", folder)
    assert not folder.exists()


def test_declined(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(module, "decide_download", lambda url: False)
    with pytest.raises(UserError, match=r"declined"):
        download("ml-1m", folder)
