"""The page in a real browser, headless Chromium: found, compared, recommended, by keyboard too."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recbole_drepmrec.inference import Recommender
from recbole_drepmrec.inference.bundle import FILE, read_bundle
from tests.inference.conftest import Trained
from tests.serving.conftest import NASTY, Process

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def nasty(served_run: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A run whose titles are HTML, served."""
    folder = tmp_path_factory.mktemp("nasty")
    run = Path(shutil.copytree(served_run.run, folder / "run"))
    bundle = read_bundle(run / FILE)
    titles = np.array([f"{NASTY} {bundle.title(n)}" for n in range(48)], dtype=object)
    replace(bundle, titles=titles).write(run / FILE)
    process = Process(folder, run)
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        yield started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture(params=[("light", 1200), ("dark", 360)], ids=["light", "dark, on a phone"])
def page(request: pytest.FixtureRequest, browser: Any, nasty: Process) -> Iterator[Any]:
    scheme, width = request.param
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append("a script of a title ran"))
    page.goto(nasty.url)
    yield page
    inside = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert inside[0] <= inside[1] == width
    assert page.locator("main img").count() == 0
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 26)")
    page.close()
    assert said == []


def test_neighbours_appear_after_a_search(page: Any, nasty: Process, served_run: Trained) -> None:
    """By the keyboard alone: words, Enter, to the first one found, Enter."""
    page.get_by_label("Words of a title, or an item's id").focus()
    page.keyboard.type("i4")
    page.keyboard.press("Enter")
    found = page.locator("#found button")
    found.first.wait_for()
    assert found.first.inner_text().startswith(f"{NASTY} The 4th")
    found.first.focus()
    page.keyboard.press("Enter")
    lists = page.locator("#neighbours .list")
    lists.nth(4).wait_for()
    assert lists.locator("h3").all_inner_texts() == [
        "Alike, fused",
        "Alike by behavior",
        "Alike by text",
        "Alike by image",
        "Recommended to somebody who had it",
    ]
    recommender = Recommender.load(served_run.run)
    for n, by in enumerate(["fused", "behavior", "text", "image"]):
        rows = recommender.similar_items(["i4"], 10, by)
        assert lists.nth(n).locator(".id").all_inner_texts() == [row.item for row in rows]
    assert found.first.get_attribute("aria-pressed") == "true"


def test_a_user_is_recommended_to_and_told_why(page: Any, served_run: Trained) -> None:
    page.get_by_label("A user's id, as in the data").fill("u1")
    page.keyboard.press("Enter")
    rows = page.locator("#recommended li")
    rows.nth(9).wait_for()
    expected = Recommender.load(served_run.run).recommend(["u1"], 10, "all")
    assert rows.locator(".id").all_inner_texts() == [row.item for row in expected]
    rows.first.get_by_role("button").click()
    page.locator("#why table").first.wait_for()
    assert "behavior" in page.locator("#why").inner_text()


def test_the_lists_say_what_is_missing(page: Any) -> None:
    page.get_by_label("Words of a title, or an item's id").fill("no such words")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("No title has these words.").wait_for()
    assert page.locator("#found button").count() == 0
    assert page.locator("label").count() == page.locator("input, select").count()
