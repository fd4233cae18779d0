"""What must hold of a features file for all that is done with it."""

from typing import Any, get_args

from recbole_drepmrec.data.preparation import FeatureNorm, RowPreparation
from recbole_drepmrec.inference.checks import (
    require,
    require_array,
    require_kind,
    require_numbers,
    require_positive,
    require_switches,
)
from recbole_drepmrec.nn import OWN_TABLE, FusionKind, GateKind


def check_maker(maker: Any) -> None:
    """See that the parts of a maker of items are of their types and fit together.

    Args:
        maker: As it was read.

    Raises:
        ValueError: Some do not.
        AttributeError: One is of a wrong type.
        TypeError: Likewise.
        KeyError: A tensor is missing.
    """
    require(maker.gate in get_args(GateKind), f"`gate` is {maker.gate!r}")
    require_kind(maker.k, int, "k")
    require_positive(maker.k, "k")
    require_kind(maker.self_loop, bool, "self_loop")
    require(len(maker.modalities) > 0, "it has no modalities")
    for name, one in maker.modalities.items():
        require_kind(one.gate, dict, f"modalities/{name}/gate")
        require_kind(one.preparation, dict, f"modalities/{name}/preparation")
    first = next(iter(maker.modalities.values()))
    n_items, size = len(first.features), len(first.gate["projection.bias"])
    require(n_items > 0, "it has no items")
    for name, one in maker.modalities.items():
        _check_modality(one, maker.gate, n_items, size, f"modalities/{name}")
    needed = maker.gate in (*OWN_TABLE, "behavior")
    require(needed == (maker.table is not None), f"`table` does not belong to gate {maker.gate}")
    if needed:
        require_numbers(maker.table, (n_items, size), "table")
    if maker.fusion is not None:
        _check_fusion(maker.fusion)


def _check_modality(one: Any, gate: str, n_items: int, size: int, name: str) -> None:
    require_numbers(one.features, (n_items, None), f"{name}/features")
    require_switches(one.present, n_items, f"{name}/present")
    width = one.features.shape[1]
    _check_preparation(RowPreparation(**one.preparation), width, f"{name}/preparation")
    shapes = {"projection.weight": (size, width), "projection.bias": (size,)}
    if gate != "none":
        shapes |= {"gate.weight": (size, size), "gate.bias": (size,)}
    require(set(one.gate) == set(shapes), f"`{name}/gate` has {', '.join(map(str, one.gate))}")
    for key, shape in shapes.items():
        require_numbers(one.gate[key], shape, f"{name}/gate/{key}")
    require_kind(one.layers, list, f"{name}/layers")
    for layer in one.layers:
        require_numbers(layer, (n_items, size), f"{name}/layers")
    has_graph = one.column_sums is not None
    require(has_graph == bool(one.layers), f"`{name}/column_sums` do not belong to its layers")
    if has_graph:
        require_numbers(one.column_sums, (n_items,), f"{name}/column_sums")


def _check_preparation(one: RowPreparation, width: int, name: str) -> None:
    require(one.norm in get_args(FeatureNorm), f"`{name}/norm` is {one.norm!r}")
    require_kind(one.width, int, f"{name}/width")
    require_kind(one.rounding, (int, float), f"{name}/rounding")
    if one.mean is not None:
        require_numbers(one.mean, (width,), f"{name}/mean")
    reduced = one.components is not None
    require(reduced == (one.origin is not None), f"`{name}/origin` without components")
    if reduced:
        require_array(one.components, "f", (width, one.width), f"{name}/components")
        require_array(one.origin, "f", (one.width,), f"{name}/origin")
    require(reduced or one.width == width, f"`{name}/width` is {one.width}, not {width}")


def _check_fusion(fusion: dict[str, Any]) -> None:
    require_kind(fusion, dict, "fusion")
    require(fusion["kind"] in get_args(FusionKind), f"`fusion/kind` is {fusion['kind']!r}")
    require_positive(fusion["modal_scale"], "fusion/modal_scale")
    weighted = fusion["kind"] == "weighted"
    require(weighted == (fusion["weights"] is not None), "`fusion/weights` do not belong to it")
    if weighted:
        require_numbers(fusion["weights"], (2,), "fusion/weights")
