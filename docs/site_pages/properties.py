"""Property files read with their comments: each key's default, type and meaning."""

import re
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(
    r"(?P<name>\w+):\s+(?P<default>\S.*?)\s+# \((?P<kind>[^)]*)\)\s+(?P<meaning>\S.*)"
)


@dataclass(frozen=True)
class Key:
    """A configuration key as its property file documents it.

    Attributes:
        name: The key.
        default: Its value as the file has it.
        kind: What stands in brackets before the meaning: type and range.
        meaning: The rest of the comment.
    """

    name: str
    default: str
    kind: str
    meaning: str


def commented_keys(file: Path) -> dict[str, list[Key]]:
    """Keys under the heading that they stand below; those before the first heading under ''.

    A heading is a comment on lines of its own; the first such block says what the file is.

    Args:
        file: A file of ``properties/``.

    Raises:
        ValueError: A line is neither a comment nor a key with a comment ``# (type) meaning``.
    """
    groups: dict[str, list[Key]] = {}
    heading, begun = "", False
    for line in _after_title(file.read_text(encoding="utf-8").splitlines()):
        if line.startswith("#"):
            heading, begun = (heading + line[1:] if begun else line[1:]).strip(), True
            continue
        begun = False
        if line.strip():
            groups.setdefault(heading, []).append(_key(line, file))
    return groups


def _after_title(lines: list[str]) -> list[str]:
    end = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return lines[end:]


def _key(line: str, file: Path) -> Key:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"{file}: {line!r} is not `key: value  # (type) meaning`")
    return Key(**match.groupdict())
