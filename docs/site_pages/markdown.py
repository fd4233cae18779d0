"""Pieces of Markdown."""

from collections.abc import Iterable, Mapping
from typing import Any

from site_pages.properties import Key

_KINDS = {"bool": "`True`, `False`", "dict": "mapping", "str": "text"}


def joined(parts: Iterable[str]) -> str:
    """Parts of a page with an empty line between them."""
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table whose cells stand below each other where the page is narrow.

    Cells are texts of one line, and no piece of code in them holds a vertical bar.

    Args:
        header: Names of the columns.
        rows: Cells, as many as the header has.
    """
    lines = [header, ("---",) * len(header), *rows]
    escaped = ([cell.replace("|", "\\|") for cell in cells] for cells in lines)
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in escaped)
    return f'<div class="stacked" markdown>\n\n{text}\n\n</div>'


def key_table(keys: Iterable[Key], values: Mapping[str, str]) -> str:
    """A table of configuration keys.

    Args:
        keys: What stands in it.
        values: Which values a key takes; for a key that nobody checks its own word stands.
    """
    rows = []
    for key in keys:
        kind = values.get(key.name) or _KINDS.get(key.kind, key.kind)
        rows.append((f"`{key.name}`", f"`{key.default}`", kind, key.meaning))
    return table(("key", "default", "values", "meaning"), rows)


def code(text: str, language: str = "text") -> str:
    """A block of code.

    Args:
        text: What stands in it.
        language: Whose colours it gets.
    """
    return f"``` {{ .{language} .printed }}\n{text.strip()}\n```"


def plain(value: Any) -> str:
    """A value as a property file has it, on one line."""
    if isinstance(value, str) and not value.strip():
        return repr(value)
    return "~" if value is None else str(value)
