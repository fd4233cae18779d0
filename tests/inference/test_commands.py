"""``recommend``, ``similar`` and ``explain`` as users type them."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recbole_drepmrec.cli import main
from recbole_drepmrec.inference import Recommender
from tests.inference.conftest import Trained

ROOT = Path(__file__).parents[2]
HEADER = ["user", "item", "score", "rank"]


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))


def test_in_a_fresh_process_elsewhere(trained: Trained, tmp_path: Path) -> None:
    """Without the data set, and without torch being told anything of RecBole."""
    program = (
        "import sys; from recbole_drepmrec.cli import main; code = main(); "
        "assert 'recbole' not in sys.modules; sys.exit(code)"
    )
    words = ["recommend", str(trained.run), "--users=u1,u2", "--k=3", "--out=lists.csv"]
    subprocess.run(
        [sys.executable, "-c", program, *words],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    rows = rows_of((tmp_path / "lists.csv").read_text())
    assert rows[0] == HEADER
    expected = [trained.top[trained.test_users.index(user)][:3] for user in ("u1", "u2")]
    assert [row[:2] for row in rows[1:]] == [
        [user, item] for user, items in zip(("u1", "u2"), expected, strict=True) for item in items
    ]
    assert [row[3] for row in rows[1:]] == ["1", "2", "3", "1", "2", "3"]


def test_all_users_on_the_console(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recommend", str(trained.run), "--k=2"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert rows[0] == HEADER
    assert [row[0] for row in rows[1::2]] == trained.users
    assert all(float(row[2]) for row in rows[1:])


def test_every_format_says_the_same(trained: Trained, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "users.txt").write_text("u3\n\nu5\n")
    for ending in ("csv", "jsonl", "parquet"):
        out = tmp_path / f"lists.{ending}"
        words = [f"--users_file={tmp_path / 'users.txt'}", "--k=4", f"--out={out}"]
        assert main(["recommend", str(trained.run), *words]) == 0
    lines = [json.loads(line) for line in (tmp_path / "lists.jsonl").read_text().splitlines()]
    table = parquet.read_table(tmp_path / "lists.parquet")
    assert table.column_names == HEADER
    for one, other, row in zip(
        lines, table.to_pylist(), rows_of((tmp_path / "lists.csv").read_text())[1:], strict=True
    ):
        assert one == {**other, "score": pytest.approx(other["score"], rel=1e-6)}
        assert [str(value) for value in one.values()] == row
    assert len(lines) == 8


def test_nothing_listed_is_an_empty_table(trained: Trained, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    taken = Recommender.load(trained.run)
    user = 4
    items = taken.bundle.histories.of(user, "train")
    (tmp_path / "items.txt").write_text("\n".join(taken.items[items]))
    words = [f"--users={taken.users[user]}", f"--candidates={tmp_path / 'items.txt'}"]
    for ending in ("parquet", "csv"):
        out = f"--out={tmp_path / 'x'}.{ending}"
        assert main(["recommend", str(trained.run), *words, out]) == 0
    assert parquet.read_table(tmp_path / "x.parquet").num_rows == 0
    assert (tmp_path / "x.csv").read_text() == "user,item,score,rank\n"


def test_candidates_exclusions_and_seen_items(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "few.txt").write_text("i1\ni5\ni2\n")
    (tmp_path / "not.txt").write_text("i2\n")
    words = ["--users=u0", "--seen=none", f"--candidates={tmp_path / 'few.txt'}"]
    assert main(["recommend", str(trained.run), *words, f"--exclude={tmp_path / 'not.txt'}"]) == 0
    assert {row[1] for row in rows_of(capsys.readouterr().out)[1:]} == {"i1", "i5"}
    assert main(["recommend", str(trained.run), "--users=u0", "--seen=all", "--k=99"]) == 0
    assert len(rows_of(capsys.readouterr().out)) == 1 + 48 - 8


def test_history(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recommend", str(trained.run), "--history=i2,i6,i10", "--k=3"]) == 0
    rows = rows_of(capsys.readouterr().out)[1:]
    assert [row[0] for row in rows] == ["history"] * 3
    assert {int(row[1][1:]) % 4 for row in rows} == {2}


def test_what_seen_means_for_a_history(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    for seen, n_items in (("none", 48), ("train", 46), ("valid", 46), ("all", 46)):
        words = ["--history=i2,i6,i2", "--k=99", f"--seen={seen}"]
        assert main(["recommend", str(trained.run), *words]) == 0
        assert len(rows_of(capsys.readouterr().out)) == 1 + n_items


def test_who_is_named_twice_gets_one_list(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "users.txt").write_text("u3\nu1\nu3\n")
    for words in (["--users=u3,u1,u3"], [f"--users_file={tmp_path / 'users.txt'}"]):
        assert main(["recommend", str(trained.run), "--k=1", *words]) == 0
        assert [row[0] for row in rows_of(capsys.readouterr().out)[1:]] == ["u3", "u1"]
    assert main(["similar", str(trained.run), "--items=i1,i1", "--k=2"]) == 0
    assert len(rows_of(capsys.readouterr().out)) == 1 + 2


def test_similar(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["similar", str(trained.run), "--items=i1", "--by=text", "--k=2"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert rows[0] == ["item", "similar", "score", "rank"]
    assert [int(row[1][1:]) % 4 for row in rows[1:]] == [1, 1]
    assert main(["similar", str(trained.run), "--users=u1,u2", "--k=2"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert rows[0][0] == "user"
    assert [row[0] for row in rows[1:]] == ["u1", "u1", "u2", "u2"]


def test_explain(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--user=u4", "--item=i8", "--neighbours=2"]
    assert main(["explain", str(trained.run), *words]) == 0
    text = capsys.readouterr().out
    assert text.startswith('user u4, item i8 The 8th, or "so": ')
    for word in ("behavior", "text", "image", "their other items", "the user's own", "score"):
        assert word in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["recommend", "RUN", "--users=u1,x"], "first 'x'; give raw ids such as"),
        (["recommend", "RUN", "--users=,"], "names nobody"),
        (["recommend", "RUN", "--k=0"], "k is 0"),
        (["recommend", "RUN", "--k=ten"], "invalid int value: 'ten'"),
        (["recommend", "RUN", "--users=u1", "--history=i1"], "not allowed with argument"),
        (["recommend", "RUN", "--out=lists.xls"], "ends in '.xls', expected .csv, .parquet, .jso"),
        (["recommend", "RUN", "--users_file=nowhere"], "nowhere cannot be read"),
        (["recommend", "nowhere"], "nowhere does not exist; expected the folder of a finished run"),
        (["recommend", "RUN", "--out=file/lists.csv"], "cannot write file/lists.csv"),
        (
            ["recommend", "RUN", "--out=/proc/nowhere/lists.csv"],
            "the folder /proc/nowhere cannot be made (No such file or directory). Choose another",
        ),
        (["similar", "RUN"], "one of the arguments --items --users is required"),
        (["similar", "RUN", "--items=i1", "--by=smell"], "no vectors by 'smell'"),
        (
            ["explain", "RUN", "--user=u1", "--item=i1", "--neighbours=-1"],
            "the number of neighbours is -1, expected at least 0",
        ),
        (["explain", "RUN", "--user=u1"], "the following arguments are required: --item"),
    ],
)
def test_a_mistake_is_one_message_and_nothing_is_written(
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert main([str(trained.run) if word == "RUN" else word for word in words]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("command", ["recommend", "similar", "explain", "add_items", "export"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"recbole-drepmrec {command}" in capsys.readouterr().out


def test_a_broken_pipe_is_no_traceback(trained: Trained) -> None:
    program = "import sys; from recbole_drepmrec.cli import main; sys.exit(main())"
    command: list[Any] = [sys.executable, "-c", program, "recommend", trained.run, "--k=48"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.wait()
