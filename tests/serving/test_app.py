"""What is asked and answered: against the Recommender itself, and what is refused."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.inference import Recommender
from recbole_drepmrec.serving.app import create_app
from recbole_drepmrec.serving.limits import MOST_BODY, MOST_QUERY
from recbole_drepmrec.serving.schema import MOST_K
from recbole_drepmrec.serving.served import Served
from recbole_drepmrec.serving.swap import Current
from tests.inference.conftest import Trained, train


@pytest.fixture(scope="module")
def client(served_run: Trained) -> Iterator[TestClient]:
    app = create_app(Current(served_run.run), threads=3)
    with TestClient(app, raise_server_exceptions=False) as made:
        yield made


@pytest.fixture(scope="module")
def recommender(served_run: Trained) -> Recommender:
    return Recommender.load(served_run.run)


def post(client: TestClient, path: str, body: dict[str, Any]) -> Any:
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def listed(places: list[dict[str, Any]]) -> list[tuple[str, float, int]]:
    return [(one["id"], pytest.approx(one["score"], rel=1e-6), one["rank"]) for one in places]


def expected(rows: Any) -> list[tuple[str, float, int]]:
    return [(row.item, row.score, row.rank) for row in rows]


def test_lists_are_the_recommenders(client: TestClient, recommender: Recommender) -> None:
    told = post(client, "/recommend", {"user": "u1", "k": 4})
    assert told["run"] == "run"
    assert listed(told["items"]) == expected(recommender.recommend(["u1"], 4, "all"))
    first = told["items"][0]
    assert first["title"] == recommender.title(first["id"]) != ""
    pool = {"candidates": ["i1", "i2", "i3"], "exclude": ["i2"]}
    told = post(client, "/recommend", {"user": "u1", "seen": "none", **pool})
    assert listed(told["items"]) == expected(recommender.recommend(["u1"], 10, "none", **pool))
    told = post(client, "/recommend", {"history": ["i1", "i5"], "k": 3})
    assert listed(told["items"]) == expected(recommender.recommend_history(["i1", "i5"], 3))
    told = post(client, "/recommend", {"history": ["i1", "i5"], "k": 48, "seen": "none"})
    assert len(told["items"]) == 48


@pytest.mark.parametrize("by", ["fused", "behavior", "text", "image"])
def test_neighbours_are_the_recommenders(
    client: TestClient, recommender: Recommender, by: str
) -> None:
    told = post(client, "/similar", {"items": ["i1", "i2"], "k": 3, "by": by})
    assert [one["id"] for one in told["lists"]] == ["i1", "i2"]
    for one in told["lists"]:
        rows = recommender.similar_items([one["id"]], 3, by)
        assert listed(one["similar"]) == expected(rows)
    [users] = post(client, "/similar", {"users": ["u1"], "k": 3, "by": by})["lists"]
    assert listed(users["similar"]) == expected(recommender.similar_users(["u1"], 3, by))
    [item] = client.get("/items", params={"search": "i2", "neighbours": 3}).json()["items"]
    assert item["neighbours"][by] == [row.item for row in recommender.similar_items(["i2"], 3, by)]


def test_an_explanation_adds_up(client: TestClient, recommender: Recommender) -> None:
    told = post(client, "/explain", {"user": "u1", "item": "i4", "neighbours": 2})
    found = recommender.explain("u1", "i4", 2)
    assert told["score"] == pytest.approx(found.score)
    assert told["parts"] == pytest.approx(found.parts)
    assert [one["id"] for one in told["neighbours"]] == [one.item for one in found.neighbours]
    carried = sum(one["carried"] for one in told["neighbours"])
    assert carried + told["others"] + told["own"] == pytest.approx(told["score"])


def test_items_are_found_and_paged(client: TestClient) -> None:
    def ids(**query: Any) -> list[str]:
        told = client.get("/items", params=query).json()
        return [item["id"] for item in told["items"]]

    found = ids(search="THE 4th")  # all words, in any case; the title that begins so is first
    assert found[0] == "i4"
    assert set(found) == {"i4", "i14", "i24", "i34", "i44"}
    assert ids(search="i17") == ["i17"]
    assert len(ids(search='so"', limit=3)) == 3
    assert ids(search="nothing like it") == []
    everything = [ids(limit=20, offset=start) for start in (0, 20, 40, 60)]
    assert [len(page) for page in everything] == [20, 20, 8, 0]
    assert len(set().union(*everything)) == 48
    # every seventh item has no image
    [lacking] = client.get("/items", params={"search": "i7"}).json()["items"]
    assert set(lacking["neighbours"]) == {"fused", "behavior", "text"}


def test_health_says_what_is_served(client: TestClient) -> None:
    told = client.get("/health").json()
    assert told["status"] == "ok"
    assert (told["model"], told["dataset"], told["run"]) == ("DRepMRec", "tiny", "run")
    assert (told["users"], told["items"]) == (60, 48)
    assert told["by"] == ["fused", "behavior", "text", "image"]
    assert told["trained_with"]["torch"] == torch.__version__


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/recommend", {"user": "x9"}, 404, "the user 'x9' is unknown"),
        ("/recommend", {"history": ["i1", "x9"]}, 404, "the item 'x9' is unknown; /items finds"),
        ("/recommend", {"user": "u1", "candidates": ["x9"]}, 404, "the item 'x9' is unknown"),
        ("/recommend", {"user": "u1", "k": 0}, 422, "body.k: "),
        ("/recommend", {"user": "u1", "k": MOST_K + 1}, 422, "body.k: "),
        ("/recommend", {"user": "u1", "k": "10"}, 422, "body.k: "),
        ("/recommend", {"user": "u1", "seen": "some"}, 422, "body.seen: "),
        ("/recommend", {"user": None}, 422, "body.user: "),
        ("/recommend", {"user": "u" * 513}, 422, "body.user: "),
        ("/recommend", {}, 422, "give exactly one of `user` and `history`"),
        ("/recommend", {"user": "u1", "history": ["i1"]}, 422, "give exactly one of"),
        ("/recommend", {"history": []}, 422, "body.history: "),
        ("/recommend", {"history": ["i1"] * 1001}, 422, "body.history: "),
        ("/recommend", {"user": "u1", "path": "/etc/passwd"}, 422, "body.path: "),
        ("/similar", {"items": ["i1"] * 101}, 422, "body.items: "),
        ("/similar", {"items": ["i1"], "by": "smell"}, 404, "DRepMRec has no vectors by 'smell'"),
        ("/similar", {"items": ["i7"], "by": "image"}, 404, "'i7' has no vector by 'image'"),
        ("/explain", {"user": "u1", "item": "x9"}, 404, "the item 'x9' is unknown"),
        ("/explain", {"user": "u1", "item": "i1", "neighbours": -1}, 422, "body.neighbours: "),
    ],
)
def test_a_mistake_is_one_message(
    client: TestClient, path: str, body: dict[str, Any], status: int, message: str
) -> None:
    response = client.post(path, json=body)
    assert response.status_code == status
    assert list(response.json()) == ["detail"]
    assert message in response.json()["detail"]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"user": ', 422),
        (b"\xff\xfe", 422),
        (b'{"\\ud800": "u1"}', 422),
        (b'{"user": "\\ud800"}', 422),
        (b"[" * 100_000, 400),
        (b'{"user": "u1", "k": 1e400}', 422),
        (b" " * (MOST_BODY + 1), 413),
        (b" " * MOST_BODY, 422),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_no_body_is_a_fault_of_ours(
    client: TestClient, content: bytes, status: int, chunked: bool
) -> None:
    parts = (content[start : start + 50_000] for start in range(0, len(content), 50_000))
    headers = {"content-type": "application/json"}
    response = client.post("/recommend", content=parts if chunked else content, headers=headers)
    assert response.status_code == status
    assert "Traceback" not in response.text
    assert isinstance(response.json()["detail"], str)


def test_what_is_long_or_elsewhere_is_refused(client: TestClient) -> None:
    assert client.get("/items?search=" + "a" * 513).status_code == 422
    assert client.get("/items?x=" + "a" * MOST_QUERY).status_code == 414
    assert client.get("/items?limit=101").status_code == 422
    for path in ("/docs", "/page.py", "/web/page.html", "/..%2fapp.py", "/run.json"):
        assert client.get(path).status_code == 404
    assert client.get("/recommend").status_code == 405


def test_a_fault_is_said_without_a_traceback(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(Recommender, "recommend", broken)
    response = client.post("/recommend", json={"user": "u1"})
    assert response.status_code == 500
    assert response.json() == {"detail": "something went wrong here; the server's log says what."}


def test_many_at_once_get_what_one_gets(client: TestClient) -> None:
    """Nothing that a question makes is seen by another; also the first of a kind."""
    asked: list[tuple[str, dict[str, Any]]] = []
    for n in range(60):
        asked.append(("/recommend", {"user": f"u{n}", "k": 5}))
        asked.append(("/similar", {"items": [f"i{n % 48}"], "by": "text", "k": 5}))
    alone = [post(client, *one) for one in asked]
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(lambda one: post(client, *one), asked)) == alone


def test_answers_are_for_this_page_only(client: TestClient) -> None:
    for path in ("/", "/page.js", "/page.css", "/health", "/nowhere", "/items?limit=0"):
        response = client.get(path)
        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in response.headers


def test_a_run_that_cannot_answer_is_refused(recommender: Recommender) -> None:
    bundle = recommender.bundle
    beyond = replace(bundle.histories, items=bundle.histories.items + np.int64(1000))
    with pytest.raises(UserError, match="is damaged, it cannot answer: IndexError"):
        Served(replace(bundle, histories=beyond), "spoilt")


def test_popularity_is_explained_and_compares_nothing(tmp_path: Path) -> None:
    run = train(tmp_path, "DRepMRec", epochs=2, ranking_loss="softmax").run
    with TestClient(create_app(Current(run), threads=1)) as client:
        assert "popularity" not in client.get("/health").json()["by"]
        found = post(client, "/explain", {"user": "u1", "item": "i3"})
        assert found["parts"]["popularity"] != 0
        assert sum(found["parts"].values()) == pytest.approx(found["score"], rel=1e-5)
        asked = {"items": ["i3"], "by": "popularity"}
        assert client.post("/similar", json=asked).status_code == 404
