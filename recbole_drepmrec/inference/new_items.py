"""Items that came after training: scored by the Modal Line alone, from their features. [ours]

A new item's row goes through what a modality's encoder does with every row:

    S_ij = w_ij / sqrt(r_i c_j)     w_ij the cosine with j, its k nearest items at training
    H^(0)_i = gate(x_i)             a gate that lets an item table's row through has none of the new
                                    item: it is the mean of its neighbours' rows, weighed by w
    H^(l+1)_i = sum over j of S_ij H^(l)_j + S_ii H^(l)_i

with r_i the sum of the row and c_j that of the column, the new edge included. The other items' rows
stay as they were: a new item is nobody's neighbour, so it does not matter which came first. It is
the mean of its modalities, and has no behavior vector, like any item that nobody had in training. A
modality that it lacks is left out of the mean, whatever ``missing`` was in training.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from recbole_drepmrec.data.preparation import RowPreparation
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.graph import top_columns
from recbole_drepmrec.inference.checks import damaged
from recbole_drepmrec.inference.maker_checks import check_maker
from recbole_drepmrec.nn import FilterGate, FrozenMatrix, Fusion, GateKind
from recbole_drepmrec.state_file import read_state, write_state

FEATURES_FILE = "features.safetensors"
WHAT, FORMAT = "features file", 1


@dataclass(frozen=True)
class ModalityMaker:
    """What one modality's encoder reads, of the I items at training.

    Attributes:
        features: Prepared rows, [I, d_m].
        present: Who has one, bool [I].
        preparation: How a row is prepared, as ``RowPreparation.state`` gives it.
        gate: The filter gate's parameters.
        layers: H^(l) for l = 0 .. L - 1, each [I, d]; none without an item graph.
        column_sums: c of the item graph's weights, [I]; None without a graph.
    """

    features: Tensor
    present: Tensor
    preparation: dict[str, Any]
    gate: dict[str, Tensor]
    layers: list[Tensor]
    column_sums: Tensor | None


@dataclass(frozen=True)
class ItemMaker:
    """Makes the vectors of new items.

    Attributes:
        modalities: By name.
        gate: What the filter gates let through.
        k: Neighbours of an item.
        self_loop: Whether an item is its own neighbour too.
        table: The item table that ``both``, ``own`` and ``behavior`` let through, [I, d]; None for
            other gates.
        fusion: How the lines are joined: ``kind``, ``modal_scale`` and ``weights``; None where
            there is no behavior line.
    """

    modalities: dict[str, ModalityMaker]
    gate: GateKind
    k: int
    self_loop: bool
    table: Tensor | None
    fusion: dict[str, Any] | None

    def write(self, path: Path) -> None:
        """Write it as one file, whole or not at all.

        Args:
            path: The file.

        Raises:
            UserError: It cannot be written.
        """
        state = {one.name: getattr(self, one.name) for one in fields(self)}
        state["modalities"] = {name: vars(one) for name, one in self.modalities.items()}
        write_state(path, WHAT, FORMAT, state)

    @torch.no_grad()
    def parts(self, rows: dict[str, NDArray[np.float32]]) -> dict[str, Tensor]:
        """What each modality gives to the vectors of n new items, each [n, D].

        Args:
            rows: Modality to the items' rows as they stand in a file, zero where one lacks it,
                [n, width].
        """
        there = {name: torch.from_numpy(given.any(axis=1)) for name, given in rows.items()}
        n_modalities = torch.stack(list(there.values())).sum(0).clamp(min=1).unsqueeze(1)
        fuse = self._fuse()
        return {
            name: fuse(self._views(self.modalities[name], given, there[name]) / n_modalities)
            for name, given in rows.items()
        }

    def _fuse(self) -> Any:
        if self.fusion is None:
            return lambda modal: modal
        fusion = Fusion(self.fusion["kind"], self.fusion["modal_scale"])
        if fusion.weights is not None:
            fusion.weights.copy_(self.fusion["weights"])
        return lambda modal: fusion(torch.zeros_like(modal), modal)

    def _views(self, one: ModalityMaker, given: NDArray[np.float32], there: Tensor) -> Tensor:
        """H of new items in one modality, zero for those that lack it; [n, d]."""
        x = RowPreparation(**one.preparation).apply(given)
        cosines, neighbours = self._neighbours(one, x)  # [n, k], 0 where there are fewer
        views = self._gated(one, x, cosines, neighbours)
        if one.column_sums is not None:
            own = float(self.self_loop)
            row_sums = (cosines.sum(1, keepdim=True) + own).clamp(min=1e-12)
            columns = one.column_sums[neighbours] + cosines
            weights = cosines / (row_sums * columns).sqrt().clamp(min=1e-12)
            for layer in one.layers:
                own_part = own / row_sums.sqrt() * views
                views = (weights.unsqueeze(2) * layer[neighbours]).sum(1) + own_part
        return views * there.unsqueeze(1)

    def _neighbours(self, one: ModalityMaker, x: Tensor) -> tuple[Tensor, Tensor]:
        trained = normalize(one.features.double(), dim=1)
        cosines = (normalize(x.double(), dim=1) @ trained.T).float()  # [n, I]
        cosines = cosines.masked_fill(~one.present, 0.0)
        places = top_columns(cosines, min(self.k, len(trained)))
        return cosines.gather(1, places).clamp(min=0), places

    def _gated(self, one: ModalityMaker, x: Tensor, cosines: Tensor, neighbours: Tensor) -> Tensor:
        gate = FilterGate(x.shape[1], len(one.gate["projection.bias"]), self.gate)
        gate.load_state_dict(one.gate)
        if self.table is None:
            gated: Tensor = gate(FrozenMatrix(x))
            return gated
        total = (cosines.unsqueeze(2) * self.table[neighbours]).sum(1)
        rows = total / cosines.sum(1, keepdim=True).clamp(min=1e-12)
        gated = gate(FrozenMatrix(x), rows)
        return gated


def read_item_maker(path: Path) -> ItemMaker:
    """Read what ``ItemMaker.write`` wrote; nothing in the file can run code.

    Args:
        path: The file.

    Raises:
        UserError: It is missing, damaged, or no such file.
    """
    if not path.is_file():
        raise UserError(
            f"{path} does not exist, from which new items are made: only models with a Modal Line "
            "write it (DRepMRec, and any that wears BMA), unless `keep_features` is False, as it "
            "is in the runs of a comparison; train with --keep_features=True."
        )
    state = read_state(path, WHAT, FORMAT, torch.device("cpu"))
    with damaged(path):
        state["modalities"] = {
            name: ModalityMaker(**one) for name, one in state["modalities"].items()
        }
        maker = ItemMaker(**state)
        check_maker(maker)
    return maker
