"""Loss terms that more than one model uses, each a mean over the batch."""

import torch
import torch.nn.functional as F
from torch import Tensor

from recbole_drepmrec.nn.exponentials import BiasedVectors, Parts, sums_of_exponentials
from recbole_drepmrec.nn.known_gradient import with_gradients
from recbole_drepmrec.nn.unit_rows import UnitRows

LARGEST_EXPONENT = 40.0
"""Sums of exponentials up to this one are far from float32's largest number."""


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
    parts: Parts | None = None,
) -> Tensor:
    """InfoNCE: each query must find its own key among all of its part. [ours]

        L = -mean_a log( exp(x_ap(a)) / sum_b exp(x_ab) ),   x_ab = q_a.k_b / t

    where q and k are scaled to length one. Each user or item may stand in one key of a part
    only: a repeated one would be a negative of itself, and pushed away from itself. The gradients
    are made along with the value, from one matrix E = exp(X) a part:

        dL/dQ = ((E K) / s - K_p) / t,   dL/dK = (E^T (Q / s) - sum of q_a over p(a) = k) / t
        s = E 1         (each over |q| or |k| as ``UnitRows`` has it, and the number of queries)

    Args:
        queries: Vectors of one line, shape [B, d].
        keys: Vectors of the other line, shape [K, d].
        temperature: t, above zero.
        positives: p, each query's own key as its row among all keys, one of its own part's, shape
            [B]; None where that is row a, the keys being those of the queries in their order.
        counted: Keys that take part, bool [K]; a query takes part if its own key does. None for
            all. The others have no say, but must be finite.
        parts: How many queries and keys each part has, in their order; None for one part of all.

    Returns:
        A scalar, 0 where there is no row.
    """
    with torch.no_grad(), torch.autocast(queries.device.type, enabled=False):
        of_queries, of_keys = UnitRows.of(queries), UnitRows.of(keys)
        scaled, unit = of_queries.rows / temperature, of_keys.rows
        own = _at(unit, positives)  # [B, d]
        if counted is None:
            counted = torch.ones(len(unit), dtype=torch.bool, device=unit.device)
        absent = unit.new_zeros(len(unit)).masked_fill_(~counted, -torch.inf)
        weights = _at(counted, positives).unsqueeze(1).to(scaled.dtype)  # [B, 1]
        weights = weights / weights.sum().clamp(min=1)
        sums = sums_of_exponentials(
            scaled,
            BiasedVectors(unit, absent),
            own=torch.full_like(weights, -torch.inf),
            weights=weights,
            by_row=temperature < 1 / LARGEST_EXPONENT,
            parts=parts,
            columns_move=keys.requires_grad,
        )
        logits = (scaled * own).sum(1, keepdim=True)
        value = ((sums.logs - logits) * weights).sum()
        to_queries = (sums.means - own).mul_(weights / temperature)
        known = [(queries, of_queries.gradient(to_queries))]
        if keys.requires_grad:
            to_keys = _less_at(sums.gradients.vectors, positives, scaled * weights)
            known.append((keys, of_keys.gradient(to_keys)))
    return with_gradients(value, *known)


def _at(rows: Tensor, places: Tensor | None) -> Tensor:
    """The rows at some places; all in their order for None, without the copy."""
    return rows if places is None else rows[places]


def _less_at(table: Tensor, places: Tensor | None, rows: Tensor) -> Tensor:
    """The table with the rows taken from it, in its own memory, at the places of ``_at``."""
    return table.sub_(rows) if places is None else table.index_add_(0, places, rows, alpha=-1)


def softmax_loss(
    users: Tensor,
    positives: BiasedVectors,
    negatives: BiasedVectors,
    temperature: float,
    parts: Parts | None = None,
) -> Tensor:
    """Sampled softmax: each user must find the own item among negatives that a part shares. [ours]

        L = -mean_b log( exp(x_bi) / (exp(x_bi) + sum_j exp(x_bj)) ),   x_bi = u_b.i / t + beta_i

    where u, i and j are scaled to length one. The gradients are made along with the value, from
    one matrix E = exp(X - h) a part, which cannot overflow, h being the part's greatest beta or
    x_bi, or below a temperature of 1/40 the greatest logit of each row:

        dL/du_b = ((E J)_b / s_b + (e_b / s_b - 1) i_b) / t,   dL/di_b = (e_b / s_b - 1) u_b / t,
        dL/dJ = E^T (U / s) / t                       (each over B, of vectors of length one)
        dL/dbeta_i = e_b / s_b - 1,   dL/dbeta_J = E^T (1 / s)            (each over B)
        e_b = exp(x_bi - h),   s = E 1 + e

    Args:
        users: One of each pair, [B, d].
        positives: The item of each pair, B of them.
        negatives: N items that count as taken by nobody, which one in a while may not be; one of
            bias minus infinity has no part.
        temperature: t, above zero.
        parts: How many pairs and negatives each part has, in their order; None for one part of all.

    Returns:
        A scalar.
    """
    with torch.no_grad(), torch.autocast(users.device.type, enabled=False):
        of_users, of_own, of_others = map(
            UnitRows.of, (users, positives.vectors, negatives.vectors)
        )
        queries, own = of_users.rows / temperature, of_own.rows
        own_bias, biases = (one.biases.to(queries.dtype) for one in (positives, negatives))
        logits = (queries * own).sum(-1, keepdim=True) + own_bias.unsqueeze(1)  # [B, 1]
        weights = torch.full_like(logits, 1 / len(queries))
        sums = sums_of_exponentials(
            queries,
            BiasedVectors(of_others.rows, biases),
            own=logits,
            weights=weights,
            by_row=temperature < 1 / LARGEST_EXPONENT,
            parts=parts,
        )
        value = ((sums.logs - logits) * weights).sum()
        to_own_bias = (sums.shares - 1).mul_(weights)  # [B, 1]
        to_queries = (sums.means * weights).addcmul_(to_own_bias, own).div_(temperature)
        known = (
            (users, of_users.gradient(to_queries)),
            (positives.vectors, of_own.gradient(to_own_bias * queries)),
            (negatives.vectors, of_others.gradient(sums.gradients.vectors)),
            (positives.biases, to_own_bias.squeeze(1)),
            (negatives.biases, sums.gradients.biases),
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
    # a fifth of the time that `any` takes
    return rows.detach().abs().amax(-1) != 0
