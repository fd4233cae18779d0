"""Which trials train on: successive halving, decided at once for each trial.

Li et al., *A System for Massively Parallel Hyperparameter Tuning*, MLSys 2020. A trial that was cut
off takes no part [ours], so that a search that goes on decides as one that was never stopped.
"""

from collections.abc import Iterable, Sequence

FACTOR = 3
"""One in so many trials goes on at each rung, and the next rung is so many times as far."""


def is_rung(validations: int, first: int) -> bool:
    """Whether trials are compared after so many validations: after first, 3 first, 9 first, ...

    Args:
        validations: Validations so far.
        first: The first rung.
    """
    rung = first
    while rung < validations:
        rung *= FACTOR
    return rung == validations


def goes_on(scores: Sequence[float], others: Iterable[Sequence[float]], bigger: bool) -> bool:
    """Whether a trial is among the best third of all that came so far; the best one always is.

    Args:
        scores: Its validation scores up to the rung.
        others: Those of the other trials, which may have ended before.
        bigger: Whether a higher score is better.
    """
    rung, best = len(scores), max if bigger else min
    own = best(scores)
    reached = [own, *(best(one[:rung]) for one in others if len(one) >= rung)]
    ordered = sorted(reached, reverse=bigger)
    last_to_go_on = ordered[max(len(ordered) // FACTOR, 1) - 1]
    return own >= last_to_go_on if bigger else own <= last_to_go_on
