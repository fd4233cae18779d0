"""Training loops of FREEDOM and MGCN as the field's usual toolbox runs them: a baseline for speed.

Written from the papers and from a description of that toolbox, with none of its code: negatives
drawn one by one in Python, COO products, raw features that are trained, losses over all items'
projections, and everything encoded again for each batch of an evaluation.
"""

import random
import time
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

D, BATCH, EVALUATED_USERS, TOP = 64, 2048, 4096, 50


def coo(rows: Tensor, cols: Tensor, weights: Tensor, n: int, m: int) -> Tensor:
    """A sparse matrix as torch keeps it by default."""
    return torch.sparse_coo_tensor(torch.stack([rows, cols]), weights, (n, m)).coalesce()


def normalised(users: Tensor, items: Tensor, n_users: int, n_items: int) -> Tensor:
    """D^(-1/2) A D^(-1/2) of the user-item graph, users first."""
    rows = torch.cat([users, items + n_users])
    cols = torch.cat([items + n_users, users])
    degrees = torch.bincount(rows, minlength=n_users + n_items).float()
    weights = (degrees[rows] * degrees[cols]).rsqrt()
    return coo(rows, cols, weights, n_users + n_items, n_users + n_items)


def neighbours(features: Tensor, k: int = 10) -> Tensor:
    """The k nearest items by cosine, normalised by row sums."""
    unit = F.normalize(features, dim=1)
    values, cols = (unit @ unit.T).topk(k, dim=1)
    rows = torch.arange(len(features)).repeat_interleave(k)
    sums = values.sum(1)
    weights = values.flatten() * (sums[rows] * sums[cols.flatten()]).rsqrt()
    return coo(rows, cols.flatten(), weights, len(features), len(features))


class Baseline(nn.Module, ABC):
    """User and item embeddings and trained features.

    Args:
        users: Of the training pairs, [E].
        items: Of the training pairs, [E].
        features: Raw features of each modality, [n_items, d_m].
    """

    def __init__(self, users: Tensor, items: Tensor, features: list[Tensor]) -> None:
        super().__init__()
        self.n_users, self.n_items = int(users.max()) + 1, len(features[0])
        self.users, self.items = users, items
        self.user_embedding = nn.Embedding(self.n_users, D)
        self.item_embedding = nn.Embedding(self.n_items, D)
        for table in (self.user_embedding, self.item_embedding):
            nn.init.xavier_uniform_(table.weight)
        self.raw = nn.ModuleList(
            nn.Embedding.from_pretrained(f, freeze=False)  # type: ignore[no-untyped-call]
            for f in features
        )
        self.projections = nn.ModuleList(nn.Linear(f.shape[1], D) for f in features)
        self.adjacency = normalised(users, items, self.n_users, self.n_items)

    def light_gcn(self, adjacency: Tensor) -> tuple[Tensor, Tensor]:
        """Two layers, their mean."""
        layer = torch.cat([self.user_embedding.weight, self.item_embedding.weight])
        layers = [layer]
        for _ in range(2):
            layer = torch.sparse.mm(adjacency, layer)
            layers.append(layer)
        users, items = torch.split(torch.stack(layers, 1).mean(1), [self.n_users, self.n_items])
        return users, items

    def start_epoch(self) -> None:
        """Nothing to draw."""

    @abstractmethod
    def encode(self) -> tuple[Tensor, Tensor]:
        """All users and items."""

    @abstractmethod
    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Of one batch."""


def bpr(users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """Of rows that belong together."""
    return -F.logsigmoid((users * positives).sum(1) - (users * negatives).sum(1)).mean()


class Freedom(Baseline):
    """Frozen item graph; a user-item graph of edges drawn anew each epoch."""

    def __init__(self, users: Tensor, items: Tensor, features: list[Tensor]) -> None:
        super().__init__(users, items, features)
        image, text = (neighbours(one) for one in features)
        self.item_graph = (0.1 * image + 0.9 * text).coalesce()
        self.drawn = self.adjacency

    def start_epoch(self) -> None:
        """Keep a fifth of the edges, those of low degree more often."""
        degrees = [torch.bincount(ids).float()[ids] for ids in (self.users, self.items)]
        chances = (degrees[0] * degrees[1]).rsqrt()
        kept = torch.multinomial(chances, len(self.users) // 5)
        self.drawn = normalised(self.users[kept], self.items[kept], self.n_users, self.n_items)

    def encode(self) -> tuple[Tensor, Tensor]:
        """LightGCN's vectors, the items' with those smoothed over the item graph added."""
        users, items = self.light_gcn(self.drawn if self.training else self.adjacency)
        return users, items + torch.sparse.mm(self.item_graph, self.item_embedding.weight)

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """BPR of the vectors, and of each modality."""
        all_users, all_items = self.encode()
        total = bpr(all_users[users], all_items[positives], all_items[negatives])
        for raw, projection in zip(self.raw, self.projections, strict=True):
            projected = projection(raw.weight)
            total = total + 1e-3 * bpr(all_users[users], projected[positives], projected[negatives])
        return total


class Mgcn(Baseline):
    """Purified features over item graphs, a fuser that is aware of behavior, a contrast."""

    def __init__(self, users: Tensor, items: Tensor, features: list[Tensor]) -> None:
        super().__init__(users, items, features)
        self.graphs = [neighbours(one) for one in features]
        degrees = torch.bincount(users, minlength=self.n_users).float()
        others = torch.bincount(items, minlength=self.n_items).float()
        weights = (degrees[users] * others[items]).rsqrt()
        self.interactions = coo(users, items, weights, self.n_users, self.n_items)
        self.gates = nn.ModuleList(nn.Sequential(nn.Linear(D, D), nn.Sigmoid()) for _ in features)
        self.prefer = nn.ModuleList(nn.Sequential(nn.Linear(D, D), nn.Sigmoid()) for _ in features)
        self.query = nn.Sequential(nn.Linear(D, D), nn.Tanh(), nn.Linear(D, 1, bias=False))

    def both(self) -> tuple[Tensor, Tensor]:
        """The behavior and the modal vectors of all users and items, users first."""
        content = torch.cat(self.light_gcn(self.adjacency))
        views = []
        parts = zip(self.raw, self.projections, self.gates, self.graphs, strict=True)
        for raw, projection, gate, graph in parts:
            items = self.item_embedding.weight * gate(projection(raw.weight))
            items = torch.sparse.mm(graph, items)
            views.append(torch.cat([torch.sparse.mm(self.interactions, items), items]))
        shares = torch.cat([self.query(view) for view in views], dim=-1).softmax(-1)
        common = sum(shares[:, m : m + 1] * view for m, view in enumerate(views))
        own = [p(content) * (view - common) for p, view in zip(self.prefer, views, strict=True)]
        return content, (sum(own) + common) / (len(views) + 1)

    def encode(self) -> tuple[Tensor, Tensor]:
        """Their sums."""
        content, side = self.both()
        users, items = torch.split(content + side, [self.n_users, self.n_items])
        return users, items

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """BPR and the contrast of the two sides."""
        content, side = self.both()
        together = content + side
        rows = (users, positives + self.n_users, negatives + self.n_users)
        total = bpr(*(together[ids] for ids in rows))
        for ids in rows[:2]:
            one, other = F.normalize(side[ids], dim=1), F.normalize(content[ids], dim=1)
            total = total + 0.01 * F.cross_entropy(one @ other.T / 0.2, torch.arange(len(ids)))
        return total


def batches(users: list[int], items: list[int], n_items: int, own: list[set[int]]) -> Any:
    """An epoch of shuffled pairs, a negative drawn for each in Python."""
    order = list(range(len(users)))
    random.shuffle(order)
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        negatives = []
        for place in chosen:
            drawn = random.randrange(n_items)
            while drawn in own[users[place]]:
                drawn = random.randrange(n_items)
            negatives.append(drawn)
        columns = ([users[p] for p in chosen], [items[p] for p in chosen], negatives)
        yield tuple(torch.tensor(column) for column in columns)


def train_epoch(model: Baseline, own: list[set[int]], optimizer: torch.optim.Optimizer) -> None:
    """Train for one epoch."""
    model.train()
    model.start_epoch()
    for batch in batches(model.users.tolist(), model.items.tolist(), model.n_items, own):
        optimizer.zero_grad()
        loss = model.loss(*batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss.item()


@torch.no_grad()
def evaluate(model: Baseline, own: list[set[int]], relevant: dict[int, set[int]]) -> float:
    """Seconds of a full ranking of the users who have something to be found."""
    started = time.perf_counter()
    model.eval()
    users = sorted(relevant)
    lists = []
    for start in range(0, len(users), EVALUATED_USERS):
        chosen = users[start : start + EVALUATED_USERS]
        all_users, all_items = model.encode()  # anew for each batch
        scores = all_users[chosen] @ all_items.T
        masked = [(row, item) for row, user in enumerate(chosen) for item in own[user]]
        rows, cols = torch.tensor(masked).T
        scores[rows, cols] = -1e10
        lists.append(scores.topk(TOP, dim=1).indices.numpy())
    hits = np.array(
        [
            [item in relevant[user] for item in listed]
            for user, listed in zip(users, np.concatenate(lists).tolist(), strict=True)
        ]
    )
    counts = np.array([len(relevant[user]) for user in users])[:, None]
    places = np.arange(1, TOP + 1)
    gains = 1 / np.log2(places + 1)
    ideal = gains.cumsum()[np.minimum(counts, TOP) - 1]
    for metric in (hits.cumsum(1) / counts, hits.cumsum(1) / places, (hits * gains).sum(1) / ideal):
        metric.mean(0)
    return time.perf_counter() - started
