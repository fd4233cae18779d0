"""What MkDocs calls while it builds the site: pages made of the code and of files outside docs/."""

import re
from collections.abc import Callable
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from site_pages.commands import commands_page
from site_pages.keys import keys_page
from site_pages.links import INCLUDED, site_links
from site_pages.maths import with_mathml
from site_pages.models import models_page

ROOT = Path(__file__).parents[1]

GENERATED: dict[str, Callable[[], str]] = {
    "reference/keys.md": keys_page,
    "reference/models.md": models_page,
    "reference/commands.md": commands_page,
}
"""Pages that are written out of the code."""

_DRAWING = re.compile(r'<img alt="(?P<alt>[^"]*)" src="(?P<path>[^"]*\.svg)"[^>]*>')


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that are no files of docs/."""
    for page, write in GENERATED.items():
        files.append(File.generated(config, page, content=write()))
    for page, file in INCLUDED.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make links into the repository links between pages."""
    return site_links(markdown, page.file.src_uri)


def on_page_content(html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Draw formulas, and put drawings into the page, where they take its colours."""
    return _DRAWING.sub(_inline, with_mathml(html))


def _inline(match: re.Match[str]) -> str:
    drawing = ROOT / "docs" / "images" / Path(match["path"]).name
    svg = drawing.read_text(encoding="utf-8")
    return f'<figure class="drawing" role="img" aria-label="{match["alt"]}">{svg}</figure>'
