"""Adds a modality to a property file without touching another line of it."""

from pathlib import Path

import yaml

from recbole_drepmrec.data.importers.properties import modality_lines, quoted_name
from recbole_drepmrec.files import atomic_file
from recbole_drepmrec.literals import Loader


def add_modality(file: Path, inherited: Path, name: str, width: int) -> bool:
    """Add a modality to a property file, unless it stands there.

    Args:
        file: The property file; made if it is not there.
        inherited: The package's own file of that name, which a new file starts as a copy of:
            its modalities would be lost otherwise.
        name: The modality.
        width: Features an item, for the comment.

    Returns:
        Whether the modality stands in the file now; if not, a person has to add it.

    Raises:
        UserError: The file cannot be written.
    """
    present = next((path for path in (file, inherited) if path.is_file()), None)
    text = "" if present is None else present.read_bytes().decode("utf-8")
    if name in ((yaml.load(text, Loader=Loader) or {}).get("modalities") or {}):
        return True
    new = with_modality(text, name, width)
    if new is None:
        return False
    with atomic_file(file.resolve()) as temporary:  # a link stays one
        temporary.write_bytes(new.encode("utf-8"))
    return True


def with_modality(text: str, name: str, width: int) -> str | None:
    """The text of a property file with one more modality; all else stays, comments too.

    Args:
        text: The file as it is; may be empty.
        name: The modality, which it does not have yet.
        width: Features an item, for the comment.

    Returns:
        The new text; None if the file is written in a way that only a person can add to.
    """
    try:
        root = yaml.compose(text, Loader=Loader)
        before = yaml.load(text, Loader=Loader) or {}
        if root is not None and (not isinstance(root, yaml.MappingNode) or root.flow_style):
            return None
        old = before.get("modalities") or {}
        if not isinstance(old, dict):
            return None
        new = _inserted(text, root, name, width)
        after = yaml.load(new, Loader=Loader)
    except yaml.YAMLError:
        return None
    entry = {name: {"file": f"{name}_feat.npy", "ids": f"{name}_ids.txt"}}
    wanted = {**before, "modalities": {**old, **entry}}
    return new if after == wanted else None


def _inserted(text: str, root: yaml.MappingNode | None, name: str, width: int) -> str:
    end = "\r\n" if "\r\n" in text else "\n"
    pairs = [] if root is None else root.value
    found = [(key, value) for key, value in pairs if key.value == "modalities"]
    if not found:
        gap = "" if not text or text.endswith("\n") else end
        return f"{text}{gap}modalities:{end}{_block(name, width, 4, end)}"
    key, value = found[-1]
    if isinstance(value, yaml.MappingNode) and value.flow_style:
        at = value.start_mark.index + 1
        entry = f"{quoted_name(name)}: {{file: {name}_feat.npy, ids: {name}_ids.txt}}"
        return f"{text[:at]}{entry}{', ' if value.value else ''}{text[at:]}"
    indent = 4
    if isinstance(value, yaml.MappingNode):
        indent = value.value[0][0].start_mark.column
    else:  # nothing, perhaps written as `null`
        text = text[: value.start_mark.index] + text[value.end_mark.index :]
    line_end = text.find("\n", key.end_mark.index)
    if line_end < 0:
        return f"{text}{end}{_block(name, width, indent, end)}"
    return f"{text[: line_end + 1]}{_block(name, width, indent, end)}{text[line_end + 1 :]}"


def _block(name: str, width: int, indent: int, end: str) -> str:
    return "".join(f"{line}{end}" for line in modality_lines(name, width, indent))


def lines_to_add(name: str, width: int) -> str:
    """What a person adds to the configuration, where :func:`with_modality` cannot."""
    return "\n".join(["modalities:", *modality_lines(name, width, 4)])
