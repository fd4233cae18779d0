"""Which values a configuration key takes, said in words, out of the class that checks it."""

from collections.abc import Mapping
from typing import Any

from recbole_drepmrec.settings import Settings

_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
_KINDS = {"integer": "whole number", "number": "number", "string": "text", "null": "`~`"}


def allowed_values(settings: type[Settings]) -> dict[str, str]:
    """Each key of a settings class and the values that it takes, as Markdown.

    Args:
        settings: The class.
    """
    schema = settings.model_json_schema()
    definitions = schema.get("$defs", {})
    return {key: _words(one, definitions) for key, one in schema["properties"].items()}


def _words(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _words(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return " or ".join(_words(one, definitions) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type")
    if kind == "boolean":
        return "`True`, `False`"
    if kind == "array":
        return _list(schema, definitions)
    if kind == "object":
        return _mapping(schema, definitions)
    return _KINDS[str(kind)] + _range(schema)


def _list(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    least, most = schema.get("minItems"), schema.get("maxItems")
    count = f"{least} " if least is not None and least == most else ""
    return f"list of {count}values, each {_words(schema['items'], definitions)}"


def _mapping(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "properties" in schema:
        return "mapping of " + ", ".join(f"`{name}`" for name in schema["properties"])
    return f"mapping of names to values, each {_words(schema['additionalProperties'], definitions)}"


def _range(schema: Mapping[str, Any]) -> str:
    bounds = [f"{sign} {schema[name]:g}" for name, sign in _BOUNDS.items() if name in schema]
    return " " + " and ".join(bounds) if bounds else ""
