"""Images of items: which file is whose, and how any of them becomes an RGB picture."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from recbole_drepmrec.data.extractors.encoder import UnreadableError
from recbole_drepmrec.data.extractors.items import Items
from recbole_drepmrec.errors import UserError

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
"""Endings, in any case, of the files that are taken for images."""

# No others: Pillow would start a program of the system's to read PostScript, whatever the ending.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


@dataclass(frozen=True)
class ImageSource:
    """One image file an item.

    Attributes:
        ids: Raw item ids.
        paths: The file of each.
    """

    ids: Sequence[str]
    paths: Sequence[Path]

    def load(self, row: int) -> Image.Image:
        """Read an image.

        Raises:
            UnreadableError: It is broken.
        """
        return open_image(self.paths[row])

    def weight(self, row: int) -> int:
        """The same for all: a model sees them in one size."""
        return 0


def images_in_folder(items: Items, folder: Path) -> tuple[dict[str, Path], int]:
    """The files ``ITEMID.jpg``, ``ITEMID.png`` and so on of a folder, not of folders below.

    Args:
        items: The data set's items.
        folder: Where the files are.

    Returns:
        Raw id to file, in the order of the items; and the number of images of no item.

    Raises:
        UserError: There is no such folder, an item has two images, or none has one.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; --folder names the one with the images.")
    known, found, others = set(items.ids), dict[str, Path](), []
    for name in sorted(entry.name for entry in os.scandir(folder) if entry.is_file()):
        stem, ending = os.path.splitext(name)
        if ending.lower() not in ENDINGS:
            continue
        if stem in found:
            raise UserError(
                f"{folder} has two images of the item '{stem}', {found[stem].name} and {name}; "
                "keep one of them."
            )
        if stem in known:
            found[stem] = folder / name
        else:
            others.append(name)
    if not found:
        held = f"has {others[0]}, for example," if others else "has no image"
        raise UserError(
            f"{folder} {held} and none that is called after an item, such as "
            f"{items.ids[0]}.jpg; rename the files, or name a column of paths with --column."
        )
    return {item: found[item] for item in items.ids if item in found}, len(others)


def images_in_column(items: Items, column: str, folder: Path) -> dict[str, Path]:
    """The files that a column of ``.item`` names.

    Args:
        items: Items with that column.
        column: Its name.
        folder: What the paths are relative to.

    Returns:
        Raw id to file, in the order of the items, without files that are not there.

    Raises:
        UserError: Not a single file is there.
    """
    named = {
        item: folder / path.strip()
        for item, path in zip(items.ids, items.columns[column], strict=True)
        if path.strip()
    }
    found = {item: path for item, path in named.items() if path.is_file()}
    if not found:
        example = f"{next(iter(named.values()))} does not exist" if named else "it is empty"
        raise UserError(
            f"no file that the column '{column}' names is there ({example}); its paths are "
            "relative to --folder, or to the data set's folder if --folder is not given."
        )
    return found


def open_image(path: Path) -> Image.Image:
    """Read an image as 8-bit RGB, turned as its EXIF data say, on white where it is transparent.

    Args:
        path: The file; of several frames the first is read.

    Raises:
        UnreadableError: The file is empty, cut off, damaged or no image, or has more pixels than
            Pillow allows (``PIL.Image.MAX_IMAGE_PIXELS``), as a decompression bomb has.
    """
    try:
        if not path.stat().st_size:
            raise UnreadableError("the file is empty")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oddities that Pillow copes with
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            Image.init()
            formats = [name for name in FORMATS if name in Image.OPEN]
            with Image.open(path, formats=formats) as image:
                image.load()
                return _as_rgb(ImageOps.exif_transpose(image))
    except (UnreadableError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise UnreadableError("no image, or of an unknown format") from error
    except Exception as error:  # Pillow's decoders fail on damaged files in every way there is
        kind = "" if isinstance(error, OSError) else f"{type(error).__name__}: "
        raise UnreadableError(kind + " ".join(str(error).split())) from error


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":  # Pillow would cut 16 bits off at 255
        values = np.asarray(image).astype(np.int64).clip(0, 2**16 - 1)
        image = Image.fromarray((values >> 8).astype(np.uint8))
    elif image.mode == "F":
        raise UnreadableError("its pixels are fractions of an unknown range")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
