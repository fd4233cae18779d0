"""Fetches a data set that RecBole knows by name."""

import difflib
import http.client
import importlib.resources
import urllib.error
import zipfile
from pathlib import Path

import yaml
from recbole.utils.url import decide_download, download_url, extract_zip, rename_atomic_files

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import atomic_folder


def download(name: str, folder: Path) -> None:
    """Fetch data set ``name`` into ``folder``, which appears only when it is whole.

    Args:
        name: The data set's name, as in RecBole's ``properties/dataset/url.yaml``.
        folder: The folder to make; it does not exist yet.

    Raises:
        UserError: RecBole knows no such data set, the download was declined (it asks above 1 GB),
            or it failed.
    """
    urls = _known_urls()
    if name not in urls:
        beside = [path.name for path in folder.parent.glob("*/")]
        near = difflib.get_close_matches(name, [*beside, *urls])
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise UserError(
            f"data set {name!r} was not found: there is no folder {folder.resolve()}, and RecBole "
            f"has no data set of that name to download.{hint} Mend the name, or set data_path to "
            f"the folder that holds {name}/{name}.inter."
        )
    by_hand = (
        f"To bring it by hand, unpack {urls[name]} into {folder.resolve()}, so that it holds "
        f"{name}.inter."
    )
    with atomic_folder(folder) as temporary:
        _fetch(name, urls[name], temporary, by_hand)


def _fetch(name: str, url: str, folder: Path, by_hand: str) -> None:
    try:
        if not decide_download(url):
            raise UserError(
                f"data set {name!r} is needed, and its download was declined. {by_hand}"
            )
        archive = Path(download_url(url, str(folder)))
        extract_zip(archive, folder)
        archive.unlink()
        rename_atomic_files(folder, archive.stem, name)
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        ConnectionError,
        TimeoutError,
        zipfile.BadZipFile,
        RuntimeError,  # RecBole's word for a download that broke off
        TypeError,  # RecBole's int(None): the answer came without a length
        EOFError,  # nobody there to be asked
    ) as error:
        raise UserError(
            f"data set {name!r} is not on this machine, and fetching it failed: {error}. "
            f"Check the network and run again. {by_hand}"
        ) from error


def _known_urls() -> dict[str, str]:
    text = importlib.resources.files("recbole").joinpath("properties/dataset/url.yaml").read_text()
    urls: dict[str, str] = yaml.safe_load(text)
    return urls
