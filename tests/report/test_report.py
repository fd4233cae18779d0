"""The report of a real small comparison: what stands in it, and what is said when it cannot be."""

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from recbole_drepmrec.cli import main
from recbole_drepmrec.evaluation.records import JobKey
from recbole_drepmrec.evaluation.store import load_comparison
from tests.report.conftest import HOSTILE


class Reader(HTMLParser):
    """Collects tags, texts and attributes, and sees that what opens closes."""

    VOID = frozenset({"meta", "link", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)


@pytest.fixture(scope="module")
def read(finished: Path) -> Reader:
    return Reader((finished / "out" / "report.html").read_text(encoding="utf-8"))


def test_every_section_is_there(read: Reader) -> None:
    text = " ".join(read.texts)
    assert read.open == []
    assert "2 models compared" in text
    for heading in ("Ranking", "Learning curves", "Metric against training time", "Alignment"):
        assert heading in text
    for heading in ("text: CKA", "image: neighbour overlap", "Top-10 examples", "Coverage", "Cost"):
        assert heading in text
    assert "recbole-drepmrec ablate --dataset=tiny" in text  # how to get the ablation of modalities
    # differences 2, curves 2, alignment 6, similarity 4, and swatches of legends beside them
    drawn = [value for tag, name, value in read.attributes if (tag, name) == ("svg", "role")]
    assert drawn == ["img"] * 14


def test_nothing_is_fetched_and_nothing_runs(finished: Path, read: Reader) -> None:
    text = (finished / "out" / "report.html").read_text(encoding="utf-8")
    assert "://" not in text
    assert "@import" not in text
    assert "script" not in read.tags
    assert not any(name.startswith("on") for _, name, _ in read.attributes)
    for _, name, value in read.attributes:
        if name in ("href", "src", "xlink:href"):
            assert value.startswith(("#", "data:"))


def test_every_reference_finds_its_id_and_no_id_is_twice(read: Reader) -> None:
    ids = [value for _, name, value in read.attributes if name == "id"]
    assert len(set(ids)) == len(ids)
    links = [value for _, name, value in read.attributes if name in ("href", "xlink:href")]
    clips = [value[4:-1] for _, name, value in read.attributes if name == "clip-path"]
    assert {link[1:] for link in [*links, *clips] if link[0] == "#"} <= set(ids)


def test_every_picture_says_what_it_shows(read: Reader) -> None:
    labels = [value for tag, name, value in read.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(labels) == 14
    assert all(len(label) > 20 for label in labels)
    assert read.tags.count("figcaption") == read.tags.count("figure") == 5


def test_titles_stay_text(finished: Path, read: Reader) -> None:
    assert any(HOSTILE in text for text in read.texts)
    assert "<script" not in (finished / "out" / "report.html").read_text(encoding="utf-8")


def test_figures_are_those_of_the_comparison(folder: Path, read: Reader) -> None:
    comparison = load_comparison(Path("out"))
    best = comparison.ranked("tiny")[0]
    result = comparison.results[JobKey("tiny", best, 1)]
    assert any(text.startswith(f"{result.test['recall@5']:.4f}") for text in read.texts)
    epochs = comparison.curve(JobKey("tiny", "DRepMRec", 1))
    assert all(set(epoch["similarity"]) == {"text", "image"} for epoch in epochs)
    kept = epochs[0]["similarity"]["image"]["cka"]
    assert f"{kept:.3f}" in read.texts
    assert all("similarity" not in e for e in comparison.curve(JobKey("tiny", "BPR", 1)))


def test_hits_are_marked_as_the_lists_have_them(folder: Path, read: Reader) -> None:
    comparison = load_comparison(Path("out"))
    split = comparison.splits["tiny"]
    order = np.argsort(split.user_counts, kind="stable")
    users = [order[int(share * 59)] for share in (0.25, 0.5, 0.75)]
    hits = sum(
        np.isin(comparison.lists(key).top[user], split.relevant[[user]].indices).sum()
        for key in comparison.results
        for user in users
    )
    assert read.attributes.count(("td", "class", "hit")) == hits
    assert [f"User {split.users[user]}" in read.texts for user in users] == [True] * 3


def test_the_same_again_is_the_same_page(folder: Path) -> None:
    before = Path("out/report.html").read_bytes()
    assert main(["report", "out", "--datasets=tiny"]) == 0
    assert Path("out/report.html").read_bytes() == before


def copy_without_report(folder: Path, to: Path) -> Path:
    shutil.copytree(folder / "out", to / "out")
    (to / "out" / "report.html").unlink()
    return to / "out"


def test_without_checkpoints(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = copy_without_report(folder, tmp_path)
    for checkpoint in out.rglob("checkpoint.safetensors"):
        checkpoint.unlink()
    assert main(["report", str(out)]) == 2
    message = capsys.readouterr().err
    assert "checkpoint.safetensors does not exist" in message
    assert "--no_checkpoints leaves them out" in message
    assert message.count("\n") == 1
    assert not (out / "report.html").exists()
    assert main(["report", str(out), "--no_checkpoints"]) == 0
    assert "Left out, as --no_checkpoints asks." in (out / "report.html").read_text()


def test_partly_finished(folder: Path, tmp_path: Path) -> None:
    """What is there is shown, what is not is named, and what was not tracked has its command."""
    out = copy_without_report(folder, tmp_path)
    (out / "jobs" / "tiny" / "DRepMRec" / "1" / "result.json").unlink()
    assert main(["report", str(out)]) == 0
    text = (out / "report.html").read_text()
    assert "DRepMRec on tiny, seed 1: not run yet" in text
    assert "recbole-drepmrec ablate --dataset=tiny --track_similarity=True" in text
    assert "No model here has two lines." in text


def test_nothing_finished(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = copy_without_report(folder, tmp_path)
    shutil.rmtree(out / "jobs")
    assert main(["report", str(out)]) == 2
    assert "no run in" in capsys.readouterr().err
    assert not (out / "report.html").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere is no folder; expected the folder of"),
        (["out", "--datasets=tiny,tinny"], "--datasets has 'tinny', expected some of those"),
        (["out", "--projection=tsne"], "argument --projection: invalid choice: 'tsne'"),
        ([], "the following arguments are required: OUT"),
    ],
)
def test_mistakes(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["report", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--help"]) == 0
    assert "--no_checkpoints" in capsys.readouterr().out


def test_tracking_changes_nothing_else(folder: Path) -> None:
    """Loss and metrics of each epoch are those of a run that was not tracked."""
    words = ["train", "-m", "DRepMRec", "-d", "tiny", "--config_files", "settings.yaml"]
    courses = []
    for track in ("True", "False"):
        more = [f"--track_similarity={track}", f"--checkpoint_dir=saved-{track}", "--seed=3"]
        assert main([*words, *more]) == 0
        (metrics,) = Path(f"saved-{track}").glob("*/metrics.jsonl")
        epochs = [json.loads(line) for line in metrics.read_text().splitlines()]
        assert all(("similarity" in epoch) == (track == "True") for epoch in epochs)
        courses.append([(epoch["train_loss"], epoch["valid"]) for epoch in epochs])
    assert courses[0] == courses[1]
