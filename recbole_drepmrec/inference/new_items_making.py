"""Keeps, of a trained model with a Modal Line, what it needs for items that come later."""

from typing import Any

import torch
from torch import Tensor

from recbole_drepmrec.graph import with_self_loops
from recbole_drepmrec.inference.new_items import ItemMaker, ModalityMaker
from recbole_drepmrec.model.base import neighbour_search
from recbole_drepmrec.model.two_lines import TwoLineRecommender
from recbole_drepmrec.nn import ModalEncoder, part_name


@torch.no_grad()
def item_maker_of(prepared: Any) -> ItemMaker | None:
    """Gather what the Modal Line reads; None for a model without one.

    Args:
        prepared: The configuration, data and model, of the best epoch.
    """
    model = prepared.model
    side = model.modal_side if isinstance(model, TwoLineRecommender) else None
    if side is None:
        return None
    line, settings = side.modal_line, side.settings
    table = model.gate_items() if line.gate == "behavior" else line.item_table
    return ItemMaker(
        modalities={
            part_name(name): _modality(prepared, name, encoder, table)
            for name, encoder in zip(line.names, line.encoders, strict=True)
        },
        gate=line.gate,
        k=settings.item_graph_k,
        self_loop=settings.item_graph_self_loop,
        table=None if table is None else _rows(table),
        fusion=_fusion(model),
    )


def _rows(table: Tensor) -> Tensor:
    """A table of all items on the host, without padding."""
    return table[1:].detach().cpu().clone()


def _modality(
    prepared: Any, name: str, encoder: ModalEncoder, table: Tensor | None
) -> ModalityMaker:
    model = prepared.model
    layers = []
    if encoder.item_graph is not None:
        layers.append(encoder.gate(encoder.features, table))
        for _ in range(encoder.n_layers - 1):
            layers.append(encoder.item_graph(layers[-1]))
    return ModalityMaker(
        features=_rows(encoder.features.values),
        present=_rows(encoder.present),
        preparation=model.row_preparations[name].state(),
        gate={key: value.cpu() for key, value in encoder.gate.state_dict().items()},
        layers=[_rows(layer) for layer in layers],
        column_sums=_column_sums(prepared, encoder) if layers else None,
    )


def _column_sums(prepared: Any, encoder: ModalEncoder) -> Tensor:
    """The sums that the item graph was normalised by: of its weights, which are kept nowhere."""
    settings = prepared.model.modal_side.settings
    values, present = encoder.features.values.cpu(), encoder.present.cpu()
    graph = neighbour_search(prepared.config).cosine(values, present, settings.item_graph_k)
    if settings.item_graph_self_loop:
        graph = with_self_loops(graph, present, 1.0)
    return graph.transposed().row_sums()[1:].clone()


def _fusion(model: Any) -> dict[str, Any] | None:
    if getattr(model, "behavior_line", True) is None:
        return None
    fusion = model.modal_side.bma.fusion
    weights = None if fusion.weights is None else fusion.weights.detach().cpu()
    return {"kind": fusion.kind, "modal_scale": fusion.modal_scale, "weights": weights}
