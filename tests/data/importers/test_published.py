"""What ``prepare --download`` fetches, from a server on this machine."""

import hashlib
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from recbole_drepmrec.cli import main
from recbole_drepmrec.data.importers import published
from recbole_drepmrec.data.importers.published import (
    AMAZON_2014,
    DOWNLOADS,
    MOVIELENS,
    download_amazon,
    download_movielens,
)
from recbole_drepmrec.errors import UserError
from tests.data.importers.conftest import Server
from tests.data.importers.test_movielens import write_movielens


def serve_movielens(
    edition: str, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the server give an archive as GroupLens packs it, and the table name it."""
    folder.mkdir()
    write_movielens(folder, edition)
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"ml-{edition}/README", "terms")
        for file in folder.iterdir():
            archive.write(file, f"ml-{edition}/{file.name}")
    server.content = packed.getvalue()
    checksum = f"md5:{hashlib.md5(server.content).hexdigest()}"
    table = {edition: (server.url.replace("file.b", f"ml-{edition}.zip"), checksum)}
    monkeypatch.setattr(published, "MOVIELENS", table)


@pytest.mark.parametrize("edition", ["100k", "1m"])
def test_movielens_is_fetched_resumed_and_prepared(
    edition: str,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    serve_movielens(edition, server, tmp_path / "source", monkeypatch)
    server.break_after = [100, 50]
    raw, out = tmp_path / "raw", tmp_path / "out"
    words = ["movielens", str(raw), "--name=ml", f"--out={out}", f"--download={edition}"]
    assert main(["prepare", *words]) == 0
    assert server.asked == [None, "bytes=100-", "bytes=150-"]
    assert len((out / "dataset" / "ml" / "ml.inter").read_text().splitlines()) == 4
    assert sorted(path.name for path in raw.iterdir()) == [f"ml-{edition}", f"ml-{edition}.zip"]
    assert main(["prepare", *words]) == 0
    assert len(server.asked) == 3  # it was there
    assert "3 interactions" in capsys.readouterr().out


def test_another_archive_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_movielens("100k", server, tmp_path / "source", monkeypatch)
    server.content += b"x"
    with pytest.raises(UserError, match="has the md5 checksum"):
        download_movielens("100k", tmp_path / "raw")
    assert list((tmp_path / "raw").iterdir()) == []


def test_the_table_of_amazon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fetched: list[tuple[str, Path]] = []
    monkeypatch.setattr(published, "download", lambda url, path: fetched.append((url, path)))
    assert set(AMAZON_2014) == {
        "Baby",
        "Sports_and_Outdoors",
        "Clothing_Shoes_and_Jewelry",
        "Electronics",
    }
    download_amazon("Baby", tmp_path)
    assert [path.name for _, path in fetched] == [
        "reviews_Baby_5.json.gz",
        "meta_Baby.json.gz",
        "image_features_Baby.b",
    ]
    assert all(url.startswith("https://snap.stanford.edu/data/amazon/") for url, _ in fetched)


@pytest.mark.parametrize(("layout", "name"), [("amazon", "Books"), ("movielens", "20m")])
def test_what_has_no_address(layout: str, name: str, tmp_path: Path) -> None:
    known = {"amazon": AMAZON_2014, "movielens": MOVIELENS}[layout]
    with pytest.raises(UserError, match=f"{name}: no address.*{', '.join(known)}. Bring"):
        DOWNLOADS[layout](name, tmp_path)
