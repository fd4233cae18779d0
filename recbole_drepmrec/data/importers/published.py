"""Data sets whose addresses are known, fetched for ``prepare --download``."""

import shutil
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from recbole_drepmrec.data.importers.movielens import EDITIONS
from recbole_drepmrec.data.importers.remote import download
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import atomic_folder

_SNAP = "https://snap.stanford.edu/data/amazon/productGraph"
AMAZON_CATEGORIES = (
    "Baby",
    "Sports_and_Outdoors",
    "Clothing_Shoes_and_Jewelry",
    "Electronics",
)


def _amazon_urls(category: str) -> tuple[str, ...]:
    return (
        f"{_SNAP}/categoryFiles/reviews_{category}_5.json.gz",
        f"{_SNAP}/categoryFiles/meta_{category}.json.gz",
        f"{_SNAP}/image_features/categoryFiles/image_features_{category}.b",
    )


AMAZON_2014: Mapping[str, tuple[str, ...]] = {c: _amazon_urls(c) for c in AMAZON_CATEGORIES}
"""Category to the addresses of its reviews, metadata and image features (the last takes several
gigabytes). Their publisher gives no checksums."""

_GROUPLENS = "https://files.grouplens.org/datasets/movielens"
MOVIELENS: Mapping[str, tuple[str, str]] = {
    "100k": (f"{_GROUPLENS}/ml-100k.zip", "md5:0e33842e24a9c977be4e0107933c0723"),
    "1m": (f"{_GROUPLENS}/ml-1m.zip", "md5:c4d9eecfca2ab87c1945afe126590906"),
}
"""Edition to its address and the checksum that GroupLens publishes beside it."""


def download_amazon(category: str, folder: Path) -> None:
    """Fetch reviews, metadata and image features of one category of Amazon 2014.

    Args:
        category: A key of ``AMAZON_2014``.
        folder: Where they go, under their own names.

    Raises:
        UserError: The category is not in the table, or a download failed.
    """
    _check_known(AMAZON_2014, category, "category of amazon")
    for url in AMAZON_2014[category]:
        download(url, folder / url.rpartition("/")[2])


def download_movielens(edition: str, folder: Path) -> None:
    """Fetch one edition of MovieLens and unpack its ratings and movies, unless they are there.

    Args:
        edition: A key of ``MOVIELENS``.
        folder: Where the archive goes, and a folder of its name.

    Raises:
        UserError: There is no such edition, a download failed, or its archive is another one.
    """
    _check_known(MOVIELENS, edition, "edition of movielens")
    url, checksum = MOVIELENS[edition]
    archive = folder / url.rpartition("/")[2]
    if archive.with_suffix("").is_dir():
        return
    download(url, archive, checksum)
    with atomic_folder(archive.with_suffix("")) as target, zipfile.ZipFile(archive) as packed:
        for file in (EDITIONS[edition].ratings, EDITIONS[edition].movies):
            with packed.open(f"{archive.stem}/{file}") as source, (target / file).open("wb") as to:
                shutil.copyfileobj(source, to)


def _check_known(table: Collection[str], name: str, what: str) -> None:
    if name not in table:
        raise UserError(
            f"--download {name}: no address is known of this {what}, expected one of "
            f"{', '.join(table)}. Bring the files of another one by hand."
        )


DOWNLOADS: Mapping[str, Callable[[str, Path], None]] = {
    "amazon": download_amazon,
    "movielens": download_movielens,
}
"""Layout to what fetches one of its data sets, by name, into a folder."""
