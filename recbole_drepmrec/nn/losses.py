"""Loss terms that more than one model uses, each a mean over the batch."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from recbole_drepmrec.nn.known_gradient import with_gradients
from recbole_drepmrec.nn.unit_rows import UnitRows

LARGEST_EXPONENT = 40.0
"""Sums of exponentials up to this one are far from float32's largest number."""


class BiasedItems(NamedTuple):
    """Some items, n of them, and how well each is liked by all.

    Attributes:
        vectors: Shape [n, d].
        biases: beta, shape [n].
    """

    vectors: Tensor
    biases: Tensor


def bpr_loss(
    positive_scores: Tensor, negative_scores: Tensor, counted: Tensor | None = None
) -> Tensor:
    """Bayesian personalised ranking: mean of -log sigmoid(s_pos - s_neg).

    Args:
        positive_scores: Scores of the interacted items, shape [B].
        negative_scores: Scores of the sampled items, shape [B].
        counted: Pairs that the mean is over, bool [B]; None for all, and zero if there are none.

    Returns:
        A scalar.

    Source: Rendle et al., BPR, UAI 2009.
    """
    losses = F.softplus(negative_scores - positive_scores)  # [B]
    if counted is None:
        return losses.mean()
    return losses.masked_fill(~counted, 0.0).sum() / counted.sum().clamp(min=1)


def squared_norm(*rows: Tensor) -> Tensor:
    """L2 penalty of the embeddings of one batch: sum of ||rows||^2 / 2B. [ours]

    Args:
        rows: Embedding rows of the batch, each of shape [B, d].

    Returns:
        A scalar.
    """
    batch_size = rows[0].shape[0]
    return torch.stack([row.pow(2).sum() for row in rows]).sum() / (2 * batch_size)


def info_nce(
    queries: Tensor,
    keys: Tensor,
    temperature: float,
    positives: Tensor | None = None,
    counted: Tensor | None = None,
) -> Tensor:
    """InfoNCE: each query must find its own key among all of them. [ours]

        L = -mean_a log( exp(q_a.k_p(a) / t) / sum_b exp(q_a.k_b / t) )

    where q and k are scaled to length one. Each user or item may stand in one row of the keys
    only: a repeated one would be a negative of itself, and pushed away from itself.

    Args:
        queries: Vectors of one line, shape [B, d].
        keys: Vectors of the other line, shape [K, d].
        temperature: t, above zero.
        positives: p, the row of each query's own key, shape [B]; None where that is row a, the
            keys being those of the queries in their order.
        counted: Keys that take part, bool [K]; a query takes part if its own key does. None for
            all. The others have no say, but must be finite.

    Returns:
        A scalar, 0 where there is no row.
    """
    losses = _own_among_all(queries, keys, temperature, positives, counted)
    if counted is None:
        return losses / max(len(queries), 1)
    return losses / _at(counted, positives).sum().clamp(min=1)


def _at(rows: Tensor, places: Tensor | None) -> Tensor:
    """The rows at some places; all in their order for None, without the copy."""
    return rows if places is None else rows[places]


def _own_among_all(
    queries: Tensor,
    keys: Tensor,
    temperature: float,
    positives: Tensor | None,
    counted: Tensor | None,
) -> Tensor:
    """Sum of -log softmax(Q K^T / t) at each row's own column, Q and K at length one; a scalar.

    torch's cross entropy writes the [B, K] matrix anew at each step of the way there and back. One,
    E = exp(Q K^T / t), is enough here, because the gradients are made along with the value:

        dL/dQ = ((E K) / s - K_p) / t,   dL/dK = (E^T (Q / s) - sum of q_a over p(a) = k) / t
        s = E 1

    (each over |q| and |k| as ``UnitRows`` has it; where some do not count, of those that do.)

    Args:
        queries: Of any length, [B, d].
        keys: Of any length, [K, d].
        temperature: t.
        positives: p, [B]; None for 0 to B - 1.
        counted: Keys that there are, bool [K]; None for all.
    """
    with torch.no_grad(), torch.autocast(queries.device.type, enabled=False):
        of_queries, of_keys = UnitRows.of(queries), UnitRows.of(keys)
        scaled, unit = of_queries.rows / temperature, of_keys.rows
        limits = torch.finfo(scaled.dtype)
        weights = scaled.new_ones(len(scaled), 1)
        if counted is None:
            exponentials = scaled @ unit.T  # [B, K]
        else:
            absent = scaled.new_zeros(len(unit)).masked_fill_(~counted, -torch.inf)
            exponentials = torch.addmm(absent, scaled, unit.T)
            weights = _at(counted, positives).unsqueeze(1).to(scaled.dtype)
        largest = scaled.new_zeros(1, 1)
        if temperature < 1 / LARGEST_EXPONENT and len(unit):
            largest = exponentials.amax(1, keepdim=True).clamp_(min=limits.min)
            exponentials.sub_(largest)
        sums = exponentials.exp_().sum(1, keepdim=True).clamp_(min=limits.tiny)  # [B, 1]
        own = _at(unit, positives)  # [B, d]
        logits = (scaled * own).sum(1, keepdim=True)
        value = ((sums.log() + largest - logits) * weights).sum()
        to_queries = (exponentials @ unit).div_(sums).sub_(own).mul_(weights / temperature)
        known = [(queries, of_queries.gradient(to_queries))]
        if keys.requires_grad:
            pulled = scaled * weights
            to_keys = exponentials.T @ (pulled / sums)
            if positives is None:
                to_keys.sub_(pulled)
            else:
                to_keys.index_add_(0, positives, pulled, alpha=-1)
            known.append((keys, of_keys.gradient(to_keys)))
    return with_gradients(value, *known)


def softmax_loss(
    users: Tensor, positives: BiasedItems, negatives: BiasedItems, temperature: float
) -> Tensor:
    """Sampled softmax: each user must find the own item among negative ones that all share. [ours]

        L = -mean_b log( exp(x_bi) / (exp(x_bi) + sum_j exp(x_bj)) ),   x_bi = u_b.i / t + beta_i

    where u, i and j are scaled to length one. The gradients are made along with the value, for one
    [B, N] matrix E = exp(X - h), which cannot overflow, h being 1/t and the greatest beta, or below
    a temperature of 1/40 the greatest logit of each row:

        dL/du_b = ((E J)_b + e_b i_b) / s_b - i_b,   dL/di_b = (e_b / s_b - 1) u_b,
        dL/dJ = E^T (U / s)                          (each over B and t, of vectors of length one)
        dL/dbeta_i = e_b / s_b - 1,   dL/dbeta_J = E^T (1 / s)            (each over B)
        e_b = exp(x_bi - h),   s = E 1 + e

    Args:
        users: One of each pair, [B, d].
        positives: The item of each pair, B of them.
        negatives: N items that count as taken by nobody, which one in a while may not be; one of
            bias minus infinity has no part.
        temperature: t, above zero.

    Returns:
        A scalar.
    """
    with torch.no_grad(), torch.autocast(users.device.type, enabled=False):
        of_users, of_own, of_others = map(
            UnitRows.of, (users, positives.vectors, negatives.vectors)
        )
        queries, own, others = of_users.rows / temperature, of_own.rows, of_others.rows
        own_bias, biases = (one.biases.to(queries.dtype) for one in (positives, negatives))
        share = 1 / len(queries)
        logits = (queries * own).sum(-1, keepdim=True) + own_bias.unsqueeze(1)  # [B, 1]
        if temperature < 1 / LARGEST_EXPONENT:
            exponentials = torch.addmm(biases, queries, others.T)  # [B, N]
            highest = torch.maximum(exponentials.amax(1, keepdim=True), logits)  # [B, 1]
            exponentials.sub_(highest)
        else:
            highest = 1 / temperature + torch.cat([own_bias, biases]).max()
            exponentials = torch.addmm(biases - highest, queries, others.T)
        exponentials.exp_()
        mine = (logits - highest).exp()
        sums = exponentials.sum(1, keepdim=True).add_(mine)
        sums.clamp_(min=torch.finfo(sums.dtype).tiny)
        value = (sums.log() + highest - logits).mean()
        to_queries = (exponentials @ others).addcmul_(mine, own).div_(sums).sub_(own)
        to_own_bias = (mine / sums - 1) * share  # [B, 1]
        to_others = exponentials.T @ (queries / sums * share)
        to_biases = exponentials.T @ (share / sums)  # [N, 1]
        known = (
            (users, of_users.gradient(to_queries.mul_(share / temperature))),
            (positives.vectors, of_own.gradient(to_own_bias * queries)),
            (negatives.vectors, of_others.gradient(to_others)),
            (positives.biases, to_own_bias.squeeze(1)),
            (negatives.biases, to_biases.squeeze(1)),
        )
    return with_gradients(value, *known)


def cosine_distance(users: Tensor, items: Tensor, counted: Tensor | None = None) -> Tensor:
    """Mean of 1 - cos(user, item) over the pairs of a batch. [ours]

    The gradients are made along with the value, u and i being of length one:

        dL/du = -(i - cos u) / (|user| n),   dL/di = -(u - cos i) / (|item| n)

    Args:
        users: Shape [B, d].
        items: Row b interacted with row b of ``users``, shape [B, d].
        counted: Pairs that the mean is over, bool [B]; None for all. It is 0 where there are none.

    Returns:
        A scalar in [0, 2].
    """
    with torch.no_grad(), torch.autocast(users.device.type, enabled=False):
        of_users, of_items = UnitRows.of(users), UnitRows.of(items)
        distances = 1 - (of_users.rows * of_items.rows).sum(-1, keepdim=True)  # [B, 1]
        weights = torch.ones_like(distances)
        if counted is not None:
            weights = counted.unsqueeze(1).to(distances.dtype)
        weights = weights / weights.sum().clamp(min=1)
        value = (distances * weights).sum()
        known = [
            (vectors, own.gradient(-weights * other.rows))
            for vectors, own, other in ((users, of_users, of_items), (items, of_items, of_users))
            if vectors.requires_grad
        ]
    return with_gradients(value, *known)


def has_direction(rows: Tensor) -> Tensor:
    """Which rows are not zero, bool [n]: who lacks all modalities has a zero one.

    Args:
        rows: Shape [n, d].
    """
    return (rows.detach() != 0).any(-1)
