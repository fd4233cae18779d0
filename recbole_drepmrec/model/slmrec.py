"""SLMRec: LightGCN in every modality's space, and self-supervision between the spaces."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from recbole_drepmrec.data.dataset import MultimodalDataset
from recbole_drepmrec.data.features import FeatureNorm
from recbole_drepmrec.graph import SparseMatrix, bipartite_matrix
from recbole_drepmrec.model.base import MultimodalRecommender, training_interactions
from recbole_drepmrec.model.relations import modality_adjacency
from recbole_drepmrec.nn import (
    Distinct,
    FeatureProjection,
    FineCoarseAlignment,
    IdTables,
    Representations,
    distinct,
    info_nce,
    light_gcn,
    squared_norm,
    summed,
)
from recbole_drepmrec.settings import AboveZero, NotNegative, Positive, Settings, Share, Weight

SelfSupervision = Literal["FAC", "FD", "FM", "FD+FM"]
"""Fine and coarse spaces, feature dropout, feature masking, or both of the latter."""


class SLMRecSettings(Settings):
    """Keys of SLMRec; ``properties/model/SLMRec.yaml`` holds their defaults."""

    embedding_size: Positive = Field(description="d, size of all representations.")
    feature_norm: FeatureNorm = Field(description="Preparation of the raw features.")
    n_layers: NotNegative = Field(description="LightGCN layers of each space.")
    temperature: AboveZero = Field(description="Temperature of the ranking loss.")
    ssl_task: SelfSupervision = Field(description="The self-supervised task.")
    ssl_weight: Weight = Field(description="Weight of the self-supervised task.")
    ssl_temperature: AboveZero = Field(description="Temperature of the self-supervised task.")
    dropout: Share = Field(description="Elements dropped by FD.")
    reg_weight: Weight = Field(description="Weight of the L2 penalty of the embeddings.")


class SLMRec(MultimodalRecommender):
    """Self-supervised multimedia recommendation. [paper]

        z^s        = LightGCN(E_U, x^s)     for s = ID (x = E_I) and each modality (x = W F_i + b)
        user, item = W_U [z^ID_u ; z^1_u ; ...] + b,   W_I [z^ID_i ; z^1_i ; ...] + b
        L          = InfoNCE(user, its item among the batch's) + l_ssl L_ssl + l_reg ||E||^2 / 2B

    The user table E_U is shared by the spaces. The ranking loss is an InfoNCE of cosines, and
    scores are dot products, as published; an item that stands in a batch twice is one key, not its
    own negative [ours], and sampled negatives are not read. The penalty is of the batch's ID
    embeddings [ours]; the published code decays all weights instead. L_ssl by ``ssl_task``:

        FAC     fine and coarse spaces, see ``FineCoarseAlignment``: the published choice
        FD      two views of all users and items, elements of each x^s dropped at random
        FM      two views, in each of which one space's x^s is masked, not the same one
        FD+FM   both

    where views are compared by InfoNCE over the batch's users and its items. The published code
    drops after every layer of the propagation, not from x^s [ours].

    An item without a modality has no edge in its space and adds nothing to the item there [ours].
    Features are frozen.

    Args:
        config: The resolved configuration.
        dataset: The training split.

    Source: Tao et al., Self-supervised Learning for Multimedia Recommendation, TMM 2022.
    """

    settings: SLMRecSettings
    settings_class = SLMRecSettings
    projections: Iterable[FeatureProjection]
    adjacencies: Iterable[SparseMatrix]

    def __init__(self, config: Any, dataset: MultimodalDataset) -> None:
        super().__init__(config, dataset)
        size = self.settings.embedding_size
        features = list(self.prepared_features(dataset, self.settings.feature_norm).values())
        interactions = training_interactions(dataset)
        whole = bipartite_matrix(interactions)
        adjacencies = [modality_adjacency(interactions, one.present, whole) for one in features]
        projections = [FeatureProjection(one.values, one.present, size) for one in features]
        self.adjacencies = cast(Iterable[SparseMatrix], nn.ModuleList([whole, *adjacencies]))
        self.projections = cast(Iterable[FeatureProjection], nn.ModuleList(projections))
        self.ids = IdTables(self.n_users, self.n_items, size)
        n_spaces = 1 + len(features)
        self.fuse_users = nn.Linear(n_spaces * size, size)
        self.fuse_items = nn.Linear(n_spaces * size, size)
        self.fine_coarse: FineCoarseAlignment | None = None
        if self.settings.ssl_task == "FAC":
            self.fine_coarse = FineCoarseAlignment(len(features), size)
        nn.init.xavier_uniform_(self.fuse_users.weight)
        nn.init.xavier_uniform_(self.fuse_items.weight)

    def inputs(self) -> list[Tensor]:
        """x^s of all items, the ID embeddings first, each [n_items, d]."""
        return [self.ids.item_embedding, *(projection() for projection in self.projections)]

    def spaces(self, inputs: Sequence[Tensor]) -> list[Representations]:
        """Users and items of each space.

        Args:
            inputs: x^s of each space, [n_items, d].
        """
        users, n_layers = self.ids.user_embedding, self.settings.n_layers
        return [
            light_gcn(adjacency, Representations(users, x), n_layers)
            for adjacency, x in zip(self.adjacencies, inputs, strict=True)
        ]

    def fused(self, spaces: Sequence[Representations]) -> Representations:
        """Users [n_users, d] and items [n_items, d] out of all spaces."""
        return Representations(
            self.fuse_users(torch.cat([space.users for space in spaces], dim=1)),
            self.fuse_items(torch.cat([space.items for space in spaces], dim=1)),
        )

    def forward(self) -> Representations:
        """Encode all users and items: the spaces fused."""
        return self.fused(self.spaces(self.inputs()))

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return the objective of one training batch, a scalar."""
        users, positives, _ = self.batch_ids(interaction)
        inputs = self.inputs()
        spaces = self.spaces(inputs)
        encoded = self.fused(spaces)
        items = distinct(positives)
        keys = encoded.items[items.ids]
        temperature = self.settings.temperature
        loss = info_nce(encoded.users[users], keys, temperature, items.places, items.counted)
        rows = self.ids.rows(users, positives)
        loss = loss + self.settings.reg_weight * squared_norm(*rows)
        if self.settings.ssl_weight > 0:
            task = self._task_loss(inputs, spaces, distinct(users), items)
            loss = loss + self.settings.ssl_weight * task
        return loss

    def _task_loss(
        self,
        inputs: Sequence[Tensor],
        spaces: Sequence[Representations],
        users: Distinct,
        items: Distinct,
    ) -> Tensor:
        temperature = self.settings.ssl_temperature
        if self.fine_coarse is not None:
            ids, *views = [space.items[items.ids] for space in spaces]
            present = [
                items.counted_if(projection.present[items.ids]) for projection in self.projections
            ]
            loss: Tensor = self.fine_coarse(ids, views, present, temperature)
            return loss
        one, other = (self.fused(self.spaces(view)) for view in self.views(inputs))
        return summed(
            info_nce(view[rows.ids], other_view[rows.ids], temperature, counted=rows.counted)
            for view, other_view, rows in zip(one, other, (users, items), strict=True)
        )

    def views(self, inputs: Sequence[Tensor]) -> list[list[Tensor]]:
        """Two changed copies of x^s by ``ssl_task``, drawn anew at each call.

        Args:
            inputs: x^s of each space, [n_items, d].
        """
        task, views = self.settings.ssl_task, [list(inputs), list(inputs)]
        if "FM" in task:
            masked = torch.randperm(len(inputs))[:2].tolist()
            for view, space in zip(views, masked, strict=True):
                view[space] = torch.zeros_like(view[space])
        if "FD" in task:
            views = [[F.dropout(x, self.settings.dropout) for x in view] for view in views]
        return views
