"""The page in a real browser, headless Chromium: no error, every picture drawn, light and dark."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

SCHEMES = {"light": "1", "dark": "0"}
"""Chromium's numbers for ``preferredColorScheme``."""

# Around the page, as the page itself runs no script: opens it in a frame, measures, tells.
HARNESS = """<!DOCTYPE html><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<body style="margin:0"><iframe id="page" style="border:0;width:{width}px;height:900px"
srcdoc="{page}"></iframe><pre id="told"></pre><script>
onload = () => {{
  const inside = page.contentDocument, root = inside.documentElement;
  const drawn = [...inside.querySelectorAll("svg[role=img]")].map(svg => {{
    const box = svg.getBoundingClientRect(), paths = [...svg.querySelectorAll("path, use")];
    const inked = paths.filter(one => one.getBoundingClientRect().width > 0);
    return [box.width, box.height, inked.length];
  }});
  const used = [...inside.querySelectorAll("svg[role=img] use")];
  told.textContent = JSON.stringify({{
    drawn, scrollWidth: root.scrollWidth, clientWidth: root.clientWidth,
    background: getComputedStyle(inside.body).backgroundColor,
    letters: getComputedStyle(inside.querySelector("svg[role=img] text")).fill,
    colours: [...new Set(used.map(one => getComputedStyle(one).fill))],
    smallest: Math.min(...[...inside.querySelectorAll("svg[role=img] text")].map(
      one => one.getBoundingClientRect().height)),
  }});
}};
</script>"""


def chromium(folder: Path, file: Path, scheme: str, *options: str) -> tuple[str, str]:
    """Open a file, and return what the browser prints and what it logs of the console."""
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--enable-logging=stderr",
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
        *options,
        file.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, "\n".join(said)


def measure(finished: Path, folder: Path, scheme: str, width: int) -> dict[str, Any]:
    page = (finished / "out" / "report.html").read_text(encoding="utf-8")
    file = folder / "harness.html"
    file.write_text(HARNESS.format(page=html.escape(page), width=width), encoding="utf-8")
    printed, said = chromium(folder, file, scheme, "--dump-dom")
    assert said == ""
    told = re.search(r'<pre id="told">(.*?)</pre>', printed, flags=re.DOTALL)
    assert told is not None
    found: dict[str, Any] = json.loads(html.unescape(told[1]))
    return found


def test_on_a_phone(finished: Path, tmp_path: Path) -> None:
    """360 pixels wide: the page does not scroll sideways, every picture fits and can be read."""
    found = measure(finished, tmp_path, "light", 360)
    assert found["scrollWidth"] <= found["clientWidth"] <= 360
    assert len(found["drawn"]) == 14
    for width, height, n_drawn in found["drawn"]:
        assert 200 < width <= 360
        assert height > 80
        assert n_drawn > 5
    assert found["smallest"] > 9


@pytest.mark.slow
def test_light_and_dark_on_a_desk(finished: Path, tmp_path: Path) -> None:
    light, dark = (measure(finished, tmp_path, scheme, 1200) for scheme in SCHEMES)
    assert light["background"] == "rgb(255, 255, 255)"
    assert dark["background"] == "rgb(20, 23, 26)"
    assert light["letters"] != dark["letters"]
    assert len(light["colours"]) == len(dark["colours"]) > 3
    assert light["drawn"] == dark["drawn"]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_opened_from_disk(finished: Path, tmp_path: Path, scheme: str) -> None:
    """As a reader opens it: the console stays silent, and there is something to see."""
    picture = tmp_path / "page.png"
    options = (f"--screenshot={picture}", "--window-size=1000,3000")
    _, said = chromium(tmp_path, finished / "out" / "report.html", scheme, *options)
    assert said == ""
    with Image.open(picture) as shown:
        corner = shown.convert("RGB").getpixel((2, 2))
        colours = shown.convert("RGB").getcolors(maxcolors=2**24)
    assert corner == ((255, 255, 255) if scheme == "light" else (20, 23, 26))
    assert colours is not None
    assert len(colours) > 50
