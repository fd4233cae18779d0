"""The Modal Line: one encoder a modality, relation graphs, no parameter of the Behavior Line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from recbole_drepmrec.graph import Graph, SparseMatrix, mean_by_row
from recbole_drepmrec.nn.batch import Batch
from recbole_drepmrec.nn.filter_gate import OWN_TABLE, FilterGate, GateKind
from recbole_drepmrec.nn.frozen_matrix import FrozenMatrix
from recbole_drepmrec.nn.propagation import smooth, summed
from recbole_drepmrec.nn.representations import Representations


@dataclass(frozen=True)
class ModalityInputs:
    """What one modality's encoder is built from; all of it frozen.

    Attributes:
        name: The modality's name, any text.
        features: Prepared features, padding and missing rows zero, shape [n_items, d_m].
        present: Whether an item has this modality, shape [n_items].
        item_graph: S_II, normalised, without an edge of a missing row, shape [n_items, n_items];
            None leaves items unsmoothed.
        user_graph: S_UU, normalised, shape [n_users, n_users]; None leaves users unsmoothed.
        on_host: Whether the features stay in the host's memory.
    """

    name: str
    features: Tensor
    present: Tensor
    item_graph: SparseMatrix | None = None
    user_graph: SparseMatrix | None = None
    on_host: bool = False


@dataclass(frozen=True)
class ModalOutput:
    """The Modal Line's representations and the parts that they are means of.

    Attributes:
        fused: Means over the modalities a user or an item has; of all users [n_users, d] and items
            [n_items, d], or of those of a batch.
        item_views: H_I of each modality, of all items, missing rows zero, M times [n_items, d].
        user_means: m_u of each modality before the user graph, of the same users as ``fused``, M
            times [n_users, d]; none where one product gives the users, whose vectors then are the
            means of their items'.
    """

    fused: Representations
    item_views: tuple[Tensor, ...]
    user_means: tuple[Tensor, ...]

    def rows(self, batch: Batch) -> "ModalOutput":
        """What a batch reads of that of all users and items.

        Args:
            batch: The training pairs.
        """
        means = tuple(means[batch.users] for means in self.user_means)
        return ModalOutput(batch.rows(self.fused), self.item_views, means)


class ModalEncoder(nn.Module):
    """Filter gate, then item-item propagation, for one modality. [paper]

        H^(0) = gate(F),   H^(l+1) = S_II H^(l)      [ours]

    Args:
        inputs: The modality's frozen features and graphs.
        embedding_size: d.
        gate: What the filter gate lets through.
        n_layers: Propagation steps over the item-item graph, one or more.

    Raises:
        ValueError: The item graph has an edge of a missing row.
    """

    present: Tensor
    user_loops: Tensor

    def __init__(
        self, inputs: ModalityInputs, embedding_size: int, gate: GateKind, n_layers: int
    ) -> None:
        super().__init__()
        if inputs.item_graph is not None and inputs.item_graph.touches(~inputs.present):
            raise ValueError(f"the item graph of '{inputs.name}' has edges of missing rows")
        self.n_layers = n_layers
        self.gate = FilterGate(inputs.features.shape[1], embedding_size, gate)
        self.item_graph = inputs.item_graph
        self.user_graph = inputs.user_graph
        self.features = FrozenMatrix(inputs.features, inputs.on_host)
        self.register_buffer("present", inputs.present, persistent=False)
        loops = inputs.user_graph.diagonal() if inputs.user_graph is not None else None
        self.register_buffer("user_loops", loops, persistent=False)

    def forward(self, item_table: Tensor | None) -> Tensor:
        """Return H_I, missing rows zero, shape [n_items, d]."""
        items: Tensor = self.gate(self.features, item_table)
        if self.item_graph is None:
            return items * self.present.unsqueeze(-1)
        return smooth(self.item_graph, items, self.n_layers)  # which reads and fills present rows

    def smooth_users(self, means: Tensor) -> Tensor:
        """Return S_UU m, or m itself without a user graph, shape [n_users, d]."""
        return means if self.user_graph is None else self.user_graph(means)


class ModalLine(nn.Module):
    """Modal representations of users and items, independent of the Behavior Line. [paper]

    An item is the mean of its modalities' H_I, a user the mean over modalities of

        m_u = mean over the user's items i of H_I[i],   H_U = S_UU m     [ours]

    where a missing modality is dropped from each mean, never counted as zero [ours]. Where every
    interacted item has all modalities and there is no user graph, that is the mean of the user's
    items over all modalities, and one product with R gives it instead of M.

    Args:
        modalities: The frozen inputs, one a modality.
        interactions: R, binary, shape [n_users, n_items].
        embedding_size: d.
        gate: What the filter gates let through; ``both`` and ``own`` add this line's item table
            P_I.
        n_layers: Propagation steps over each item-item graph.

    Raises:
        ValueError: No modality was given.
    """

    encoders: Iterable[ModalEncoder]
    item_counts: Tensor
    user_item_counts: Tensor
    user_counts: Tensor

    def __init__(
        self,
        modalities: Sequence[ModalityInputs],
        interactions: Graph,
        embedding_size: int,
        gate: GateKind = "self",
        n_layers: int = 1,
    ) -> None:
        super().__init__()
        if not modalities:
            raise ValueError("the Modal Line needs at least one modality")
        self.names = tuple(inputs.name for inputs in modalities)
        self.gate = gate
        encoders = [ModalEncoder(inputs, embedding_size, gate, n_layers) for inputs in modalities]
        self.encoders = cast(Iterable[ModalEncoder], nn.ModuleList(encoders))
        n_items = len(modalities[0].present)
        self.item_table = (
            nn.Parameter(torch.empty(n_items, embedding_size)) if gate in OWN_TABLE else None
        )
        present = torch.stack([inputs.present for inputs in modalities], dim=1)
        self.one_product = all(inputs.user_graph is None for inputs in modalities) and bool(
            present[interactions.cols].all()
        )
        matrix = SparseMatrix(interactions)
        self.interactions = SparseMatrix(mean_by_row(interactions)) if self.one_product else matrix
        self._register_counts(present, matrix(present.float()))
        self.reset_parameters()

    def _register_counts(self, present: Tensor, user_item_counts: Tensor) -> None:
        """Store what the means divide by; zero counts become one, their sums being zero.

        Args:
            present: Whether an item has each modality, [n_items, M].
            user_item_counts: How many of a user's items have it, [n_users, M].
        """
        self.register_buffer("user_item_counts", user_item_counts, persistent=False)
        self.register_buffer("item_counts", present.sum(1, keepdim=True).clamp(min=1), False)
        self.register_buffer(
            "user_counts", (user_item_counts > 0).sum(1, keepdim=True).clamp(min=1), False
        )

    def reset_parameters(self) -> None:
        """Xavier-uniform for the own item table; the encoders start themselves."""
        if self.item_table is not None:
            nn.init.xavier_uniform_(self.item_table)

    def forward(self, behavior_items: Tensor | None = None) -> ModalOutput:
        """Return users [n_users, d], items [n_items, d] and what they are means of.

        Args:
            behavior_items: The Behavior Line's item embeddings, read by gate ``behavior`` only.
        """
        views, items = self._views_and_items(behavior_items)
        if self.one_product:
            users: Tensor = self.interactions(items)
            return ModalOutput(Representations(users, items), tuple(views), ())
        means = [self._user_means(m, view) for m, view in enumerate(views)]
        users = summed(
            encoder.smooth_users(mean) for encoder, mean in zip(self.encoders, means, strict=True)
        )
        fused = Representations(users / self.user_counts, items)
        return ModalOutput(fused, tuple(views), tuple(means))

    def of_batch(self, batch: Batch, behavior_items: Tensor | None = None) -> ModalOutput:
        """Return what a batch reads; where one product gives the users, it makes no others.

        Args:
            batch: The training pairs.
            behavior_items: The Behavior Line's item embeddings, read by gate ``behavior`` only.
        """
        if not self.one_product:
            output: ModalOutput = self(behavior_items)
            return output.rows(batch)
        views, items = self._views_and_items(behavior_items)
        users = self.interactions.product_at(batch.users, items)
        return ModalOutput(Representations(users, items[batch.items]), tuple(views), ())

    def _views_and_items(self, behavior_items: Tensor | None) -> tuple[list[Tensor], Tensor]:
        views = self.item_views(behavior_items)
        return views, summed(views) / self.item_counts

    def item_views(self, behavior_items: Tensor | None = None) -> list[Tensor]:
        """Return H_I of each modality, missing rows zero, M times [n_items, d].

        Args:
            behavior_items: The Behavior Line's item embeddings, read by gate ``behavior`` only.
        """
        table = behavior_items if self.gate == "behavior" else self.item_table
        return [encoder(table) for encoder in self.encoders]

    def _user_means(self, modality: int, items: Tensor) -> Tensor:
        counts = self.user_item_counts[:, modality].clamp(min=1).unsqueeze(-1)
        means: Tensor = self.interactions(items) / counts  # [n_users, d]
        return means

    def share_of_item(self, output: ModalOutput, batch: Batch) -> Tensor:
        """What item i of each training pair gives to its user's vector: leave-one-out. [ours]

            m_{u without i} = (deg_u m_u - h_i) / (deg_u - 1),   share = m_u - m_{u without i}

        in every modality that item i has, carried through the diagonal of S_UU and the mean over
        modalities. A user's modal vector contains the positive item, so a training pair could be
        won by matching an item with itself; less this share it cannot. A user of one item keeps
        nothing.

        Args:
            output: This step's output of ``of_batch``.
            batch: The training pairs; their negative items are not read.

        Returns:
            Shape [B, d].
        """
        users, items = batch.users[batch.user], batch.items[batch.positive]
        if self.one_product:
            # all interacted items have all modalities: any column counts them
            return self._share(0, *batch.positive_pairs(output.fused), users)
        shares = []
        for m, encoder in enumerate(self.encoders):
            means = output.user_means[m][batch.user]
            share = self._share(m, means, output.item_views[m][items], users)
            share = share * encoder.present[items].unsqueeze(-1)
            if encoder.user_graph is not None:
                share = share * encoder.user_loops[users].unsqueeze(-1)
            shares.append(share)
        return summed(shares) / self.user_counts[users]

    def _share(self, modality: int, means: Tensor, views: Tensor, users: Tensor) -> Tensor:
        degrees = self.user_item_counts[users, modality].unsqueeze(-1)  # [B, 1]
        others = (degrees * means - views) / (degrees - 1).clamp(min=1)
        return means - torch.where(degrees > 1, others, 0.0)

    def extra_repr(self) -> str:
        """Settings shown by ``print(model)``."""
        return f"modalities={', '.join(self.names)}, gate={self.gate}"
