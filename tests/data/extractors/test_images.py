"""Reading images of every kind, and finding whose they are."""

import contextlib
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recbole_drepmrec.data.extractors.encoder import UnreadableError
from recbole_drepmrec.data.extractors.images import images_in_column, images_in_folder, open_image
from recbole_drepmrec.data.extractors.items import Items
from recbole_drepmrec.errors import UserError
from tests.data.extractors.tiny_encoders import picture


def reread(image: Image.Image, path: Path, **options: object) -> np.ndarray:
    image.save(path, **options)
    read = open_image(path)
    assert read.mode == "RGB"
    return np.asarray(read)


def test_rgb_comes_back_as_it_is(tmp_path: Path) -> None:
    image = picture(0)
    for ending in ("png", "bmp", "tiff"):
        np.testing.assert_array_equal(reread(image, tmp_path / f"a.{ending}"), np.asarray(image))


def test_lossy_formats_come_back_alike(tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 16), (200, 100, 50))
    for ending in ("jpg", "webp"):
        pixels = reread(image, tmp_path / f"a.{ending}")
        assert np.abs(pixels.astype(int) - [200, 100, 50]).max() <= 6


def test_grey_and_black_and_white(tmp_path: Path) -> None:
    grey = picture(0, channels=1)
    pixels = reread(grey, tmp_path / "grey.png")
    np.testing.assert_array_equal(pixels, np.repeat(np.asarray(grey)[:, :, None], 3, axis=2))
    pixels = reread(Image.new("1", (2, 1), 1), tmp_path / "one.png")
    np.testing.assert_array_equal(pixels, [[[255] * 3] * 2])


def test_sixteen_bits_are_scaled_not_cut_off(tmp_path: Path) -> None:
    values = np.array([[0, 256, 32768, 65535]], dtype=np.uint16)
    pixels = reread(Image.fromarray(values), tmp_path / "deep.png")
    np.testing.assert_array_equal(pixels[0, :, 0], [0, 1, 128, 255])


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    rgba = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    rgba.putpixel((1, 0), (0, 0, 0, 0))
    expected = [[[255, 0, 0], [255, 255, 255]]]
    np.testing.assert_array_equal(reread(rgba, tmp_path / "a.png"), expected)
    palette = Image.new("P", (2, 1), 0)
    palette.putpalette([255, 0, 0, 0, 0, 0])
    palette.putpixel((1, 0), 1)
    pixels = reread(palette, tmp_path / "p.png", transparency=1)
    np.testing.assert_array_equal(pixels, expected)
    np.testing.assert_array_equal(reread(palette, tmp_path / "opaque.png")[0, 1], [0, 0, 0])


def test_cmyk_and_the_first_frame(tmp_path: Path) -> None:
    white = Image.new("CMYK", (4, 4), (0, 0, 0, 0))
    assert reread(white, tmp_path / "a.jpg").min() >= 250
    frames = [Image.new("L", (3, 3), value) for value in (0, 255)]
    pixels = reread(frames[0], tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert pixels.max() == 0


def test_turned_as_the_camera_was(tmp_path: Path) -> None:
    image = picture(0)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    turned = reread(image, tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(turned, np.rot90(np.asarray(image), k=-1))


def test_broken_files(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    picture(0, (200, 200)).save(path)
    whole = path.read_bytes()
    for content, reason in [
        (b"", "the file is empty"),
        (b"this is text", "no image"),
        (whole[: len(whole) // 2], "truncated"),
        (whole[:20], "."),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "no image"),
    ]:
        path.write_bytes(content)
        with pytest.raises(UnreadableError, match=reason):
            open_image(path)
    for missing in (tmp_path, tmp_path / "nothing.png"):
        with pytest.raises(UnreadableError, match=r"directory"):
            open_image(missing)


def test_damaged_bytes_never_get_past_as_another_error(tmp_path: Path) -> None:
    """Whatever Pillow makes of it: an image, or one kind of error."""
    random = np.random.default_rng(0)
    for ending in ("png", "jpg", "gif", "tiff", "webp", "bmp"):
        path = tmp_path / f"a.{ending}"
        picture(0, (40, 30)).save(path)
        whole = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        for _ in range(60):
            content = whole.copy()
            content[random.integers(0, len(whole), 5)] = random.integers(0, 256, 5)
            path.write_bytes(content[: random.integers(1, len(whole) + 1)].tobytes())
            with contextlib.suppress(UnreadableError):
                assert open_image(path).mode == "RGB"


def test_fractions_have_no_known_range(tmp_path: Path) -> None:
    Image.new("F", (2, 2), 0.5).save(tmp_path / "a.tiff")
    with pytest.raises(UnreadableError, match="fractions"):
        open_image(tmp_path / "a.tiff")


@pytest.mark.parametrize("side", [12, 20])
def test_decompression_bomb(side: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow warns above its limit and refuses twice as much: both are refused here."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.new("1", (side, side)).save(tmp_path / "a.png")
    with pytest.raises(UnreadableError, match="DecompressionBomb.*exceeds limit"):
        open_image(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Image.new("1", (10, 10)).save(tmp_path / "a.png")
        assert open_image(tmp_path / "a.png").size == (10, 10)


ITEMS = Items(["a", "b.c", "d", "e"], {"photo": ["1/a.png", " ", "nothing.png", "e"]})


def test_files_called_after_items(tmp_path: Path) -> None:
    for name in ("d.JPG", "a.png", "b.c.webp", "other.gif", "e.txt", "A.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "e.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "e.jpg").mkdir()
    found, others = images_in_folder(ITEMS, tmp_path)
    assert {item: path.name for item, path in found.items()} == {
        "a": "a.png",
        "b.c": "b.c.webp",
        "d": "d.JPG",
    }
    assert list(found) == ["a", "b.c", "d"]
    assert others == 2


def test_files_named_in_a_column(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    for name in ("1/a.png", "e"):
        (tmp_path / name).touch()
    assert images_in_column(ITEMS, "photo", tmp_path) == {
        "a": tmp_path / "1" / "a.png",
        "e": tmp_path / "e",
    }


def test_folders_that_do_not_help(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder"):
        images_in_folder(ITEMS, tmp_path / "none")
    with pytest.raises(UserError, match=r"has no image and none .* such as a.jpg"):
        images_in_folder(ITEMS, tmp_path)
    (tmp_path / "x.png").touch()
    with pytest.raises(UserError, match=r"has x.png, for example, and none"):
        images_in_folder(ITEMS, tmp_path)
    for name in ("d.png", "d.jpg"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"two images of the item 'd', d.jpg and d.png"):
        images_in_folder(ITEMS, tmp_path)
    with pytest.raises(UserError, match=r"no file that the column 'photo' names .*a.png does not"):
        images_in_column(ITEMS, "photo", tmp_path)
    with pytest.raises(UserError, match="it is empty"):
        images_in_column(Items(["a"], {"photo": [""]}), "photo", tmp_path)
