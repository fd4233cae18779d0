"""Links between files of the repository, made links between pages of the site.

The documents are read in the repository too, so their links lead to files there, some of which are
other pages here: ``README.md`` is the first page, a model's property file a part of the reference.
"""

import posixpath
import re

INCLUDED = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "benchmarks.md": "benchmarks/README.md",
    "LICENSE.txt": "LICENSE",
    "CITATION.cff": "CITATION.cff",
}
"""Pages of the site that are files outside ``docs/``."""

_LINK = re.compile(r"(?<=\]\()(?P<path>[^()#:\s]+)(?P<anchor>#[^()\s]*)?(?=\))")


def repository_path(page: str) -> str:
    """Where the text of a page lies in the repository.

    Args:
        page: Its path in the site's sources, such as ``comparing.md``.
    """
    return INCLUDED.get(page, f"docs/{page}")


def site_links(markdown: str, page: str) -> str:
    """Rewrite the links of a page that lead to files outside ``docs/``, or into it from there.

    Args:
        markdown: Its text.
        page: Its path in the site's sources.
    """
    folder = posixpath.dirname(repository_path(page))

    def rewritten(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, match["path"]))
        target, anchor = _target(path)
        if target is None:
            return match[0]
        return posixpath.relpath(target, posixpath.dirname(page) or ".") + (
            match["anchor"] or anchor
        )

    return _LINK.sub(rewritten, markdown)


def _target(path: str) -> tuple[str | None, str]:
    """The page, and the part of it, that shows a file of the repository."""
    pages = {file: page for page, file in INCLUDED.items()}
    if path in pages:
        return pages[path], ""
    if path.startswith("docs/"):
        return path.removeprefix("docs/"), ""
    folder, name = posixpath.split(path)
    if folder == "properties/model":
        return "reference/models.md", f"#{name.removesuffix('.yaml').lower()}"
    if path == "properties/overall.yaml":
        return "reference/keys.md", ""
    return None, ""
