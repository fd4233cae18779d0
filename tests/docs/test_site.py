"""The site as it is built: strictly, complete, and readable without a network."""

import html
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
COPIED = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", "LICENSE", "mkdocs.yml"),
    *("benchmarks/README.md", "tests/docs/test_own_model_example.py"),
)

pytest.importorskip("mkdocs", reason="needs requirements-docs.txt")
pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """What a page fetches, where it leads, and the anchors that it has."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.anchors = {""}
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") != "canonical":
            self.fetched.append(values.get("href", ""))
        elif "src" in values:
            self.fetched.append(values["src"])


def build(folder: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = build(ROOT, out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_every_link_leads_somewhere(site: Path) -> None:
    pages = {file: Page(file) for file in site.rglob("*.html")}
    assert len(pages) >= 24
    dead = []
    for file, page in pages.items():
        for link in page.links + page.fetched:
            parts = urlsplit(link)
            if parts.scheme or file.name == "404.html":
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            anchor = unquote(parts.fragment)
            lacks_anchor = target in pages and anchor not in pages[target].anchors
            if not target.is_file() or lacks_anchor:
                dead.append((file.name, link))
    assert dead == []


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for file in site.rglob("*.html"):
        assert [path for path in Page(file).fetched if urlsplit(path).netloc] == [], file.name
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", text) == [], sheet.name


def test_formulas_and_the_drawing_are_in_the_page(site: Path) -> None:
    text = (site / "model.html").read_text(encoding="utf-8")
    assert text.count("<math") > 30
    assert "arithmatex" not in text
    assert "$$" not in text
    assert re.search(
        r'<figure class="drawing" role="img" aria-label="Two lines: [^"]{200,}">', text
    )
    assert '<svg xmlns="http://www.w3.org/2000/svg" class="two-lines"' in text


def test_shown_files_are_the_real_ones(site: Path) -> None:
    for page, file in (
        ("own-model.html", "docs/examples/feature_mf/feature_mf.py"),
        ("data.html", "docs/examples/shop/make_shop.py"),
        ("tutorial.html", "docs/examples/top_ten.py"),
    ):
        text = re.sub(r"<[^>]*>", "", (site / page).read_text(encoding="utf-8"))
        code = (ROOT / file).read_text(encoding="utf-8").partition("\n")[2]
        assert without_spaces(code) in without_spaces(html.unescape(text))


def without_spaces(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_dead_links_are_errors(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(ROOT / "docs", folder / "docs")
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for name in ("recbole_drepmrec", "properties"):
        (folder / name).symlink_to(ROOT / name)
    with (folder / "docs" / "data.md").open("a") as page:
        page.write("\n[a](no-such-page.md) [b](comparing.md#no-such-part)\n")
    done = build(folder, tmp_path / "out")
    assert done.returncode == 1
    assert "'no-such-page.md'" in done.stderr
    assert "'comparing.md#no-such-part'" in done.stderr
    assert done.stderr.count("WARNING") == 2
