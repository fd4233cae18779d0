"""Where a recommender keeps its user and item vectors, and whether they give its scores."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from recbole.data.interaction import Interaction
from recbole.model.general_recommender import SGL, SimpleX
from torch import Tensor, nn

from recbole_drepmrec.checkpoint import random_state, restore_random_state
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.model.base import MultimodalRecommender
from recbole_drepmrec.nn import Representations

CARRIERS = ("BPR", "DGCF", "LightGCN", "LINE", "NCL", "NGCF", "SGL", "SimpleX", "SpectralCF")
"""RecBole's general models whose scores are dot products of vectors that are found here."""

PROBED_USERS = 16
USERS_AT_ONCE = 1024


class HostVectors:
    """The vectors of a host whose tables ``user_embedding`` and ``item_embedding`` are all it has.

    Args:
        host: A recommender.
    """

    def __init__(self, host: Any) -> None:
        self.host = host

    def read(self, users: Tensor | None = None) -> Representations:
        """Users [n_users, d] and items [n_items, d], from the current parameters.

        Args:
            users: The only users that will be read, [B]; rows of others may be zero. None for all.
        """
        return Representations(self.host.user_embedding.weight, self.host.item_embedding.weight)

    def read_with_loss(self, interaction: Any, users: Tensor) -> tuple[Any, Representations]:
        """The host's own loss of a batch, and its vectors.

        Args:
            interaction: The batch.
            users: Its users, [B].
        """
        return self.host.calculate_loss(interaction), self.read(users)


class EncodedVectors(HostVectors):
    """The vectors of a host whose ``forward`` gives all users, all items, and maybe more.

    Args:
        host: A recommender.
        arguments: What its ``forward`` is called with, to give the vectors that score.
    """

    def __init__(self, host: Any, *arguments: Any) -> None:
        super().__init__(host)
        self.arguments = arguments

    def read(self, users: Tensor | None = None) -> Representations:
        """Users [n_users, d] and items [n_items, d], by one more forward pass."""
        return Representations(*self.host.forward(*self.arguments)[:2])

    def read_with_loss(self, interaction: Any, users: Tensor) -> tuple[Any, Representations]:
        """The host's loss of a batch, and the vectors that it came from, its dropout included.

        Where the host's loss encodes by neither ``forward`` nor ``training_vectors``, the vectors
        take a forward pass of their own.
        """
        with self._recorded() as outputs:
            loss = self.host.calculate_loss(interaction)
        return loss, Representations(*outputs[0][:2]) if outputs else self.read()

    @contextmanager
    def _recorded(self) -> Iterator[list[Any]]:
        """Keep the vectors that the host encodes for its loss."""
        own = getattr(type(self.host), "training_vectors", MultimodalRecommender.training_vectors)
        inherited = own is MultimodalRecommender.training_vectors
        name = "forward" if inherited else "training_vectors"
        encode = getattr(self.host, name)
        outputs: list[Any] = []

        def recording(*given: Any, **named: Any) -> Any:
            output = encode(*given, **named)
            same = not named and [*map(id, given)] == [*map(id, self.arguments)]
            if same and output[0].requires_grad:
                outputs.append(output)
            return output

        setattr(self.host, name, recording)  # the instance's, over the class's
        try:
            yield outputs
        finally:
            delattr(self.host, name)


class SimpleXVectors(HostVectors):
    """The vectors of SimpleX: its scores are cosines, its users mixed with their past items."""

    def read(self, users: Tensor | None = None) -> Representations:
        """Users [n_users, d] and items [n_items, d], each of length one."""
        host = self.host
        ids = (
            torch.arange(host.n_users, device=host.device) if users is None else torch.unique(users)
        )
        rows = torch.cat([self._mixed(some) for some in ids.split(USERS_AT_ONCE)])
        table = rows.new_zeros(host.n_users, rows.shape[1]).index_copy(0, ids, rows)
        return Representations(table, F.normalize(host.item_emb.weight, dim=-1))

    def _mixed(self, users: Tensor) -> Tensor:
        host = self.host
        histories = host.item_emb(host.history_item_id[users])  # [n, history_len, d]
        lengths = host.history_item_len[users]
        mixed = host.get_UI_aggregation(host.user_emb(users), histories, lengths)
        return F.normalize(host.dropout(mixed), dim=-1)


def host_vectors(host: Any) -> tuple[HostVectors, int]:
    """Find a host's vectors, and see that their dot products are its scores.

    Args:
        host: A recommender, on its device.

    Returns:
        How to read the vectors, and their size d.

    Raises:
        UserError: It has no such vectors, or scores in another way.
    """
    name = type(host).__name__
    vectors = find_vectors(host)
    if vectors is None:
        raise UserError(cannot_carry(name, "no vectors of all users and all items are found in it"))
    with _as_it_was(host), torch.no_grad():
        size = _size(host, vectors)
        if not _scores_are_dot_products(host, vectors):
            if isinstance(host, MultimodalRecommender) and host.cosine_weights():
                raise UserError(
                    f"{name} cannot carry BMA by `ranking_loss: softmax`, whose scores are no dot "
                    "products of the vectors that it encodes; set --ranking_loss=bpr. The loss of "
                    "what is fused has a key of its own, bma_ranking_loss."
                )
            reason = "its scores are not dot products of user and item vectors"
            raise UserError(cannot_carry(name, reason))
    return vectors, size


def cannot_carry(name: str, reason: str) -> str:
    """The message that a model cannot wear BMA, why, and which can."""
    return (
        f"{name} cannot carry BMA: {reason}. RecBole's {', '.join(CARRIERS)} can, and this "
        "project's models that learn user and item vectors, but DRepMRec, which has it."
    )


def find_vectors(host: Any) -> HostVectors | None:
    """How to read a host's vectors; None where none are found.

    Args:
        host: A recommender; if it is one of ``CARRIERS``, they give its scores.
    """
    if isinstance(host, SimpleX):
        return SimpleXVectors(host)
    if isinstance(host, SGL):
        return EncodedVectors(host, host.train_graph)
    parameters = inspect.signature(host.forward).parameters.values()
    if all(one.default is not one.empty or one.kind == one.VAR_KEYWORD for one in parameters):
        return EncodedVectors(host)
    tables = [getattr(host, f"{kind}_embedding", None) for kind in ("user", "item")]
    return HostVectors(host) if all(isinstance(one, nn.Embedding) for one in tables) else None


def _size(host: Any, vectors: HostVectors) -> int:
    users, items = vectors.read()
    size = users.shape[-1]
    if (users.shape, items.shape) != ((host.n_users, size), (host.n_items, size)):
        shapes = f"users {list(users.shape)} and items {list(items.shape)}"
        raise UserError(cannot_carry(type(host).__name__, f"its vectors have the shapes {shapes}"))
    return size


def _scores_are_dot_products(host: Any, vectors: HostVectors) -> bool:
    """Compare on random users; a bias or a gate that starts at zero is moved from there first."""
    for parameter in host.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    ids = torch.randint(1, host.n_users, (PROBED_USERS,), device=host.device)
    users, items = vectors.read()
    expected = users[ids] @ items.T  # [PROBED_USERS, n_items]
    try:
        scores = host.full_sort_predict(Interaction({host.USER_ID: ids})).view_as(expected)
    except NotImplementedError:
        every = torch.arange(host.n_items, device=host.device).repeat(len(ids))
        pairs = {host.USER_ID: ids.repeat_interleave(host.n_items), host.ITEM_ID: every}
        scores = host.predict(Interaction(pairs)).view_as(expected)
    tolerance = 1e-4 * float(expected.abs().max())
    return torch.allclose(scores, expected, rtol=1e-4, atol=tolerance)


@contextmanager
def _as_it_was(host: Any) -> Iterator[None]:
    """Evaluation mode for a while; then parameters, caches and random numbers as before."""
    random, caches = random_state(), host.other_parameter()
    parameters = [parameter.detach().clone() for parameter in host.parameters()]
    host.eval()
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, before in zip(host.parameters(), parameters, strict=True):
                parameter.copy_(before)
        host.load_other_parameter(caches)
        host.train()
        restore_random_state(random)
