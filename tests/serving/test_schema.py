"""Every operation of the OpenAPI schema, asked at random: no fault, and answers as it says."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from recbole_drepmrec.serving.app import create_app
from recbole_drepmrec.serving.schema import MOST_CHARACTERS
from recbole_drepmrec.serving.swap import Current
from tests.inference.conftest import Trained

schemathesis = pytest.importorskip("schemathesis")

USERS, ITEMS = ["u0", "u1", "u2"], ["i0", "i1", "i7"]
KNOWN = {
    **dict.fromkeys(("user", "users"), USERS),
    **dict.fromkeys(("item", "items", "history", "candidates", "exclude"), ITEMS),
    "by": ["fused", "behavior", "image"],
}
"""Field to what the run knows."""


def with_known_ids(schema: Any, known: list[str] | None = None) -> Any:
    """A schema whose ids are those that the run knows: at random, hardly one is."""
    if isinstance(schema, list):
        return [with_known_ids(one, known) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if known and schema.get("maxLength") == MOST_CHARACTERS:
        return {"type": "string", "enum": known}
    changed = {name: with_known_ids(one, KNOWN.get(name, known)) for name, one in schema.items()}
    if known:
        changed.pop("examples", None)
    return changed


@pytest.fixture(scope="module")
def app(served_run: Trained) -> Any:
    return create_app(Current(served_run.run), threads=2)


CHECKS = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_schema_conformance,
]
UNHURRIED: Any = {"suppress_health_check": list(HealthCheck)}

OPERATIONS = [
    ("POST", "/recommend"),
    ("POST", "/similar"),
    ("POST", "/explain"),
    ("GET", "/items"),
    ("GET", "/health"),
]


def test_these_are_all_operations(app: Any) -> None:
    paths = app.openapi()["paths"]
    assert sorted((m.upper(), path) for path, ways in paths.items() for m in ways) == sorted(
        OPERATIONS
    )
    for path, ways in paths.items():
        for way in ways.values():
            assert way["summary"], path
            assert way["description"], path


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_are_as_the_schema_says(app: Any, method: str, path: str, known: bool) -> None:
    raw = copy.deepcopy(app.openapi())
    schema = schemathesis.openapi.from_dict(with_known_ids(raw) if known else raw)
    statuses = set()

    @given(case=schema[path][method].as_strategy())
    @settings(max_examples=25, deadline=None, database=None, derandomize=True, **UNHURRIED)
    def ask(case: Any) -> None:
        response = case.call(app=app)
        statuses.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    ask()
    assert 200 in statuses or not known
