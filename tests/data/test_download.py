"""Downloads that work, fail and are declined, without a network."""

import urllib.error
import zipfile

import pytest

from recbole_drepmrec.data import download as module
from recbole_drepmrec.data.download import download
from recbole_drepmrec.errors import UserError


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "dataset" / "ml-1m"


def _raise(error):
    def call(*_):
        raise error

    return call


def test_the_archive_is_unpacked_and_renamed(monkeypatch, folder):
    def fetch(url, where):
        path = f"{where}/{url.rpartition('/')[2]}"
        with zipfile.ZipFile(path, "w") as archive:
            stem = url.rpartition("/")[2].removesuffix(".zip")
            archive.writestr(f"{stem}.inter", "user_id:token\n1\n")
        return path

    monkeypatch.setattr(module, "decide_download", lambda url: True)
    monkeypatch.setattr(module, "download_url", fetch)
    download("ml-1m", folder)
    assert [path.name for path in folder.iterdir()] == ["ml-1m.inter"]


def test_an_unknown_name_suggests_known_and_present_ones(folder):
    (folder.parent / "mini-shop").mkdir(parents=True)
    with pytest.raises(UserError, match="'ml-1mm' was not found.*Did you mean ml-1m") as caught:
        download("ml-1mm", folder.parent / "ml-1mm")
    assert str(folder.parent / "ml-1mm") in str(caught.value)
    assert "data_path" in str(caught.value)
    with pytest.raises(UserError, match="Did you mean mini-shop"):
        download("minishop", folder.parent / "minishop")


@pytest.mark.parametrize(
    "error", [urllib.error.URLError("no route"), ConnectionResetError("reset"), TimeoutError("slow")]
)
def test_no_network(monkeypatch, folder, error):
    monkeypatch.setattr(module, "decide_download", _raise(error))
    with pytest.raises(UserError, match="'ml-1m'.*failed.*(no route|reset|slow).*unpack https://"):
        download("ml-1m", folder)
    assert not folder.exists()


def test_a_download_that_breaks_off_leaves_nothing(monkeypatch, folder):
    monkeypatch.setattr(module, "decide_download", lambda url: True)
    monkeypatch.setattr(module, "download_url", _raise(RuntimeError("Stopped downloading")))
    with pytest.raises(UserError, match="Stopped downloading"):
        download("ml-1m", folder)
    assert list(folder.parent.iterdir()) == []


def test_an_archive_that_is_none(monkeypatch, folder):
    def fetch(url, where):
        path = f"{where}/page.zip"
        with open(path, "w") as file:
            file.write("<html>")
        return path

    monkeypatch.setattr(module, "decide_download", lambda url: True)
    monkeypatch.setattr(module, "download_url", fetch)
    with pytest.raises(UserError, match="not a zip file"):
        download("ml-1m", folder)
    assert not folder.exists()


def test_declined(monkeypatch, folder):
    monkeypatch.setattr(module, "decide_download", lambda url: False)
    with pytest.raises(UserError, match="declined"):
        download("ml-1m", folder)
