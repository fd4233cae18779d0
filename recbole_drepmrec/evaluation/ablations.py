"""DRepMRec with a part taken away at a time: what each of the paper's claims hangs on."""

import re
from collections.abc import Iterator
from typing import Any

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.analysis import Analysis
from recbole_drepmrec.evaluation.plan import Variant
from recbole_drepmrec.evaluation.quality_tables import differences, seeds_note
from recbole_drepmrec.evaluation.records import Test
from recbole_drepmrec.evaluation.table import NOTHING, Table, plus_minus
from recbole_drepmrec.evaluation.tables import TEST_NAMES
from recbole_drepmrec.model.drepmrec import DRepMRecSettings

FULL = "full model"
"""The variant that the others are tested against."""

MODEL = "DRepMRec"


def ablations(settings: DRepMRecSettings, modalities: list[str]) -> list[Variant]:
    """The full model, then each variant that differs from it in one part.

    A part that the full model lacks cannot be taken away, and makes no variant.

    Args:
        settings: Of the full model.
        modalities: Names of those it reads.

    Raises:
        UserError: One of its two lines is off, so it is no full model.
    """
    if not (settings.use_behavior_line and settings.use_modal_line):
        raise UserError(
            "an ablation takes parts away from DRepMRec with both lines, but `use_behavior_line` "
            f"is {settings.use_behavior_line} and `use_modal_line` is {settings.use_modal_line}; "
            "leave both True."
        )
    parts = [
        *_alignment(settings),
        *_gate(settings),
        *_graphs(settings),
        *_lines(settings),
        *_ranking(settings),
        *modality_parts(modalities),
    ]
    return [Variant(FULL, MODEL), *(Variant(name, MODEL, values) for name, values in parts)]


def chosen(variants: list[Variant], wanted: list[str]) -> list[Variant]:
    """The full model and the variants that are wanted, in the order of ``ablations``.

    Args:
        variants: What ``ablations`` gave.
        wanted: Names of some of them; the full model need not be among them.

    Raises:
        UserError: There is no variant of that name, or none beside the full model.
    """
    known = [one.name for one in variants]
    for name in wanted:
        if name not in known:
            raise UserError(
                f"--variants: this model has no variant '{name}'; it has: {', '.join(known[1:])}."
            )
    if set(wanted) == {FULL}:
        raise UserError(
            f"--variants is '{FULL}' alone, expected some of: {', '.join(known[1:])}, which are "
            "compared with it."
        )
    return [one for one in variants if one.name in {FULL, *wanted}]


Part = tuple[str, dict[str, Any]]


def _alignment(settings: DRepMRecSettings) -> Iterator[Part]:
    intra = settings.use_intra and settings.intra_weight > 0
    inter = settings.use_inter and settings.inter_weight > 0
    if settings.use_bma and (intra or inter):
        yield "without BMA", {"use_bma": False}
        if intra and inter:  # else it is the same as without BMA
            yield "without intra-alignment", {"use_intra": False}
            yield "without inter-alignment", {"use_inter": False}
    if settings.use_sss and settings.sss != "off" and settings.sss_weight > 0:
        yield "without SSS", {"use_sss": False}


def _gate(settings: DRepMRecSettings) -> Iterator[Part]:
    """Less its table ``both`` is ``none`` and ``own`` is ``self``, which less its gate is ``none``.

    The lines are coupled by another table in the place of the one of ``own``, so that to ``both``
    it is two parts: the table, and no features beside it.
    """
    if settings.gate == "both":
        yield "without features beside the table", {"gate": "own"}
        yield "without own item table", {"gate": "none"}
    elif settings.gate == "own":
        yield "without own item table", {"gate": "self"}
        yield "without gate and table", {"gate": "none"}
    elif settings.gate != "none":
        yield "without filter gate", {"gate": "none"}
    if settings.gate == "behavior":
        yield "independent lines", {"gate": "own"}
    else:
        yield "coupled lines", {"gate": "behavior"}


def _graphs(settings: DRepMRecSettings) -> Iterator[Part]:
    if settings.item_graph != "none":
        yield "without item graph", {"item_graph": "none"}
    if settings.user_graph != "none":
        yield "without user graph", {"user_graph": "none"}
    else:
        yield "with user graph", {"user_graph": "knn"}


def _lines(settings: DRepMRecSettings) -> Iterator[Part]:
    yield "without Modal Line", {"use_modal_line": False}
    if settings.gate != "behavior":  # which cannot do without it
        yield "without Behavior Line", {"use_behavior_line": False}


def _ranking(settings: DRepMRecSettings) -> Iterator[Part]:
    if settings.fusion == "late":
        yield "one ranking loss", {"fusion": "concat"}
    if settings.ranking_loss == "softmax":
        yield "ranked by BPR", {"ranking_loss": "bpr"}


def modality_parts(modalities: list[str]) -> Iterator[Part]:
    """Each left out and, from three on, each alone; of two, one left out is the other alone.

    Args:
        modalities: Names of those that the full model reads.

    Returns:
        Names of the variants, and what they change.
    """
    if len(modalities) < 2:
        return
    for name in modalities:
        rest = [other for other in modalities if other != name]
        yield f"without modality {_as_folder(name)}", {"use_modalities": rest}
    if len(modalities) > 2:
        for name in modalities:
            yield f"only modality {_as_folder(name)}", {"use_modalities": [name]}


def _as_folder(name: str) -> str:
    """A modality may have any name, and a variant's folder is called by it."""
    return re.sub(r"[^\w .+-]", "_", name)


def ablation_table(analysis: Analysis, variants: list[Variant], test: Test) -> Table:
    """Each variant's test metrics beside its difference from the full model.

    Args:
        analysis: One data set's runs, the full model their reference.
        variants: What ``ablations`` gave; their order is that of the rows.
        test: The paired test.
    """
    shown = [metric for metric in analysis.metrics if metric.endswith(f"@{analysis.k}")]
    found = {(one.model, one.metric): one for one in analysis.differences}
    keys = {one.name: " ".join(f"{k}={v}" for k, v in one.values.items()) for one in variants}
    rows = []
    for name, changed in keys.items():
        row = {"variant": name, "key": changed or NOTHING}
        for metric in shown:
            one = found.get((name, metric))
            row[f"test {metric}"] = plus_minus([run.test[metric] for run in analysis.runs[name]])
            row[f"{metric} difference"] = NOTHING if one is None else f"{one.mean:+.4f}"
            row[f"{metric} p"] = NOTHING if one is None else f"{one.p_holm:.2g}"
        rows.append(row)
    values = [{**one, "key": keys[one["model"]]} for one in differences(analysis).values]
    note = (
        f"Difference: test metric less the full model's, mean over {analysis.n_users:,} users; p: "
        f"{TEST_NAMES[test]} over users, Holm's correction for {len(found)} tests. "
        f"{seeds_note(analysis)}"
    )
    title = f"{analysis.dataset}: ablations of {MODEL}"
    return Table(f"{analysis.dataset}-ablation", title, rows, values, [note])
