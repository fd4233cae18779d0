"""Which interactions are to be believed, judged by how alike user and item are in a modality."""

from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recbole_drepmrec.nn.edges import EdgeSet
from recbole_drepmrec.nn.projection import FeatureProjection
from recbole_drepmrec.nn.representations import Representations
from recbole_drepmrec.nn.unit_rows import unit_length

Integration = Literal["confidence", "max", "mean"]
"""The highest of the confidence-weighted affinities, the highest affinity, or their mean."""

Pruning = Literal["soft", "hard"]
"""Weights as they are, or those below zero cut."""


class Routed(NamedTuple):
    """What one modality says about users, items and edges.

    Attributes:
        content: Representations in this modality, zero for items that lack it, [n, d].
        to_users: Affinities over each user's items, [n_edges].
        to_items: Affinities over each item's users, [n_edges].
        taken: Whether the edge's item has the modality, bool [n_edges].
    """

    content: Representations
    to_users: Tensor
    to_items: Tensor
    taken: Tensor


class NeighbourRouting(nn.Module):
    """Prototypes of the users in one modality, drawn to the items that agree. [paper]

        q_i = LeakyReLU(W F_i + b) / ||.||,   p_u a learnt preference / ||.||, then T times
        p_u <- ( p_u + sum_{i in N_u} softmax_i(<p_u, q_i>) q_i ) / ||.||

    Affinities are a_ui = softmax over u's items of <p_u, q_i> and a_iu = softmax over i's users,
    and the modality's representations p_u + sum_i a_ui q_i and q_i + sum_u a_iu p_u. The scaling
    to length one is that of the published code.

    Args:
        projection: The modality's features in d dimensions.
        edges: The interactions, [n_users, n_items].
        n_routing: T.

    Source: Wei et al., GRCN, MM 2020.
    """

    taken: Tensor

    def __init__(self, projection: FeatureProjection, edges: EdgeSet, n_routing: int) -> None:
        super().__init__()
        self.projection = projection
        self.edges = edges
        self.n_routing = n_routing
        size = projection.linear.out_features
        self.preference = nn.Parameter(torch.empty(edges.shape[0], size))
        self.register_buffer("taken", projection.present[edges.cols], persistent=False)
        nn.init.xavier_uniform_(self.preference)

    def forward(self) -> Routed:
        """Route, and return representations and affinities."""
        edges, taken = self.edges, self.taken
        items = unit_length(F.leaky_relu(self.projection()))
        users = unit_length(self.preference)
        for _ in range(self.n_routing):
            affinities = edges.softmax(edges.dot(users, items), taken=taken)
            users = unit_length(users + edges.sum_to_rows(affinities, items))
        scores = edges.dot(users, items)
        to_users = edges.softmax(scores, taken=taken)
        to_items = edges.softmax(scores, over_columns=True, taken=taken)
        content = Representations(
            users + edges.sum_to_rows(to_users, items),
            items + edges.sum_to_columns(to_items, users),
        )
        return Routed(content, to_users, to_items, taken)


class EdgeWeighting(nn.Module):
    """Joins the modalities' affinities into one weight an edge and direction. [paper]

        w_{i->u} = max_m c_i^m a_ui^m,   w_{u->i} = max_m c_u^m a_iu^m       ``confidence``

    with a learnt confidence c of each node in each modality (of the node that sends, as in the
    published code); ``max`` and ``mean`` go without. ``hard`` pruning cuts at zero, ReLU(w). An
    edge counts in the modalities its item has; without any its weight is zero [ours].

    Args:
        n_users: Users, padding included.
        n_items: Items, padding included.
        n_modalities: M.
        integration: ``confidence``, ``max`` or ``mean``.
        pruning: ``soft`` or ``hard``.

    Raises:
        ValueError: ``integration`` or ``pruning`` is none of these.

    Source: Wei et al., GRCN, MM 2020.
    """

    def __init__(
        self,
        n_users: int,
        n_items: int,
        n_modalities: int,
        integration: Integration = "confidence",
        pruning: Pruning = "soft",
    ) -> None:
        super().__init__()
        if integration not in get_args(Integration) or pruning not in get_args(Pruning):
            raise ValueError(
                f"integration {integration!r} and pruning {pruning!r} are not among "
                f"{get_args(Integration)} and {get_args(Pruning)}"
            )
        self.integration = integration
        self.pruning = pruning
        self.of_users: nn.Parameter | None = None
        self.of_items: nn.Parameter | None = None
        if integration == "confidence":
            self.of_users = nn.Parameter(torch.empty(n_users, n_modalities))
            self.of_items = nn.Parameter(torch.empty(n_items, n_modalities))
            nn.init.xavier_normal_(self.of_users)
            nn.init.xavier_normal_(self.of_items)

    def forward(self, routed: list[Routed], edges: EdgeSet) -> tuple[Tensor, Tensor]:
        """Return the weights of the messages to users and to items, each [n_edges].

        Args:
            routed: What each modality says, M of them.
            edges: The interactions.
        """
        taken = torch.stack([one.taken for one in routed], dim=1)  # [n_edges, M]
        to_users = torch.stack([one.to_users for one in routed], dim=1)
        to_items = torch.stack([one.to_items for one in routed], dim=1)
        if self.of_users is not None and self.of_items is not None:
            to_users = to_users * self.of_items[edges.cols]
            to_items = to_items * self.of_users[edges.rows]
        return self._joined(to_users, taken), self._joined(to_items, taken)

    def _joined(self, weights: Tensor, taken: Tensor) -> Tensor:
        if self.integration == "mean":
            joined = weights.sum(1) / taken.sum(1).clamp(min=1)
        else:
            joined = weights.masked_fill(~taken, -torch.inf).amax(1)
            joined = torch.where(taken.any(1), joined, 0.0)
        return F.relu(joined) if self.pruning == "hard" else joined

    def extra_repr(self) -> str:
        """Settings shown by ``print(model)``."""
        return f"integration={self.integration}, pruning={self.pruning}"
