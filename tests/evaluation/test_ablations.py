"""Which variants an ablation has, and that each takes away what its name says."""

import re
from pathlib import Path
from typing import Any

import pytest

from recbole_drepmrec.config import Config
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.ablations import FULL, ablation_table, ablations, chosen
from recbole_drepmrec.evaluation.analysis import Analysis
from recbole_drepmrec.evaluation.plan import Variant
from recbole_drepmrec.evaluation.statistics import Difference
from recbole_drepmrec.model.drepmrec import DRepMRecSettings
from tests.datasets import clustered
from tests.model.contract import build


def variants(modalities: list[str], **values: Any) -> dict[str, dict[str, Any]]:
    config = Config("DRepMRec", "ml-100k-mm", config_dict=values)
    made = ablations(DRepMRecSettings.from_config(config), modalities)
    assert {one.model for one in made} == {"DRepMRec"}
    assert made[0] == Variant(FULL, "DRepMRec")
    return {one.name: dict(one.values) for one in made[1:]}


def test_of_the_model_as_it_comes() -> None:
    assert variants(["text", "image"]) == {
        "without BMA": {"use_bma": False},
        "without intra-alignment": {"use_intra": False},
        "without inter-alignment": {"use_inter": False},
        "without SSS": {"use_sss": False},
        "without features beside the table": {"gate": "own"},
        "without own item table": {"gate": "none"},
        "coupled lines": {"gate": "behavior"},
        "without item graph": {"item_graph": "none"},
        "with user graph": {"user_graph": "knn"},
        "without Modal Line": {"use_modal_line": False},
        "without Behavior Line": {"use_behavior_line": False},
        "one ranking loss": {"fusion": "concat"},
        "ranked by BPR": {"ranking_loss": "bpr"},
        "without modality text": {"use_modalities": ["image"]},
        "without modality image": {"use_modalities": ["text"]},
    }


@pytest.mark.parametrize(
    ("values", "gone", "there"),
    [
        ({"use_bma": False}, ["without BMA", "without intra-alignment"], {}),
        ({"inter_weight": 0.0}, ["without intra-alignment", "without inter-alignment"], {}),
        ({"sss": "off"}, ["without SSS"], {}),
        ({"sss_weight": 0.0}, ["without SSS"], {}),
        ({"gate": "self"}, ["without own item table"], {"without filter gate": {"gate": "none"}}),
        (
            {"gate": "own"},
            ["without features beside the table"],
            {"without own item table": {"gate": "self"}},
        ),
        ({"fusion": "concat"}, ["one ranking loss"], {}),
        ({"gate": "none"}, ["without own item table"], {"coupled lines": {"gate": "behavior"}}),
        (
            {"gate": "behavior"},
            ["coupled lines", "without Behavior Line"],
            {"independent lines": {"gate": "own"}},
        ),
        ({"item_graph": "none"}, ["without item graph"], {}),
        ({"ranking_loss": "bpr"}, ["ranked by BPR"], {}),
        (
            {"user_graph": "cooccurrence"},
            ["with user graph"],
            {"without user graph": {"user_graph": "none"}},
        ),
    ],
)
def test_what_is_not_there_is_not_taken_away(
    values: dict[str, Any], gone: list[str], there: dict[str, Any]
) -> None:
    made = variants(["text"], **values)
    assert not set(gone) & set(made)
    assert there.items() <= made.items()


def test_modalities_of_any_number_and_name() -> None:
    def named(*modalities: str) -> list[Any]:
        made = variants(list(modalities))
        return [value for value in made.values() if "use_modalities" in value]

    assert named("text") == []
    every = [["b", "c"], ["a", "c"], ["a", "b"], ["a"], ["b"], ["c"]]
    assert [value["use_modalities"] for value in named("a", "b", "c")] == every
    assert "without modality view_1.b" in variants(["view/1.b", "text"])


def test_chosen_variants_keep_the_order_and_the_full_model() -> None:
    made = [Variant(name, "DRepMRec") for name in (FULL, "without BMA", "without SSS", "c")]
    assert chosen(made, ["c", "without BMA"]) == [made[0], made[1], made[3]]
    assert chosen(made, [FULL, "without BMA"]) == made[:2]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["without BMA", "without BMAA"], "no variant 'without BMAA'; it has: without BMA, c."),
        ([FULL], "--variants is 'full model' alone, expected some of: without BMA, c"),
    ],
)
def test_an_unknown_variant_is_refused(wanted: list[str], message: str) -> None:
    made = [Variant(name, "DRepMRec") for name in (FULL, "without BMA", "c")]
    with pytest.raises(UserError, match=re.escape(message)):
        chosen(made, wanted)


@pytest.mark.parametrize("line", ["use_modal_line", "use_behavior_line"])
def test_half_a_model_is_refused(line: str) -> None:
    with pytest.raises(UserError, match=f"`{line}` is False"):
        variants(["text"], **{line: False})


def test_each_variant_is_another_model(tmp_path: Path) -> None:
    """All can be built, and no two have the same settings."""
    config = Config("DRepMRec", "ml-100k-mm")
    made = ablations(DRepMRecSettings.from_config(config), ["text", "image"])
    read = set()
    for one in made:
        prepared = build(one.model, clustered(), tmp_path / one.name, **one.values)
        modalities = tuple(prepared.dataset.modal_features)
        read.add((prepared.model.settings.model_dump_json(), modalities))
    assert len(read) == len(made)


def test_coupled_lines_share_the_item_table(tmp_path: Path) -> None:
    """The Modal Line's item table is then the Behavior Line's: nothing of its own."""
    independent = build("DRepMRec", clustered(), tmp_path / "a").model
    coupled = build("DRepMRec", clustered(), tmp_path / "b", gate="behavior").model
    assert independent.modal_side.modal_line.item_table is not None
    assert coupled.modal_side.modal_line.item_table is None
    _, modal = coupled.lines()
    modal.item_views[0].sum().backward()
    assert coupled.behavior_line.item_embedding.grad.abs().sum() > 0


def test_table_of_worked_out_values() -> None:
    class Run:
        def __init__(self, recall: float, ndcg: float) -> None:
            self.test = {"recall@5": recall, "recall@10": 0.9, "ndcg@5": ndcg}

    p_values: Any = {"t": 0.01, "wilcoxon": 0.2}
    runs: Any = {"without BMA": [Run(0.25, 0.125)], FULL: [Run(0.5, 0.25), Run(0.75, 0.25)]}
    found = [
        Difference("without BMA", "recall@5", -0.375, -0.5, -0.25, p_values, 0.03),
        Difference("without BMA", "ndcg@5", -0.125, -0.2, -0.1, p_values, 0.04),
    ]
    metrics = ["recall@5", "recall@10", "ndcg@5"]
    analysis = Analysis("tiny", runs, metrics, 5, FULL, found, [], {}, 12)
    variants = [Variant(FULL, "DRepMRec"), Variant("without BMA", "DRepMRec", {"use_bma": False})]
    table = ablation_table(analysis, variants, "t")
    assert table.rows[1] == {
        "variant": "without BMA",
        "key": "use_bma=False",
        "test recall@5": "0.2500",
        "recall@5 difference": "-0.3750",
        "recall@5 p": "0.03",
        "test ndcg@5": "0.1250",
        "ndcg@5 difference": "-0.1250",
        "ndcg@5 p": "0.04",
    }
    assert table.rows[0]["test recall@5"] == "0.6250 ± 0.1768"
    assert table.rows[0]["recall@5 difference"] == "-"
    assert [row["key"] for row in table.values] == ["use_bma=False"] * 2
    assert "12 users" in table.notes[0]
