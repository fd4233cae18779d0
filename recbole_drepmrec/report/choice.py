"""Which of many models a picture shows in colour."""

from recbole_drepmrec.evaluation.ablations import FULL
from recbole_drepmrec.evaluation.store import Comparison
from recbole_drepmrec.report.svg import SERIES, Key

TELLING = ("without BMA", "without SSS", "coupled lines", "without Modal Line")
"""Ablations that the paper's claims hang on, drawn before others."""


def in_colour(comparison: Comparison, dataset: str, reference: str | None) -> list[str]:
    """The models that are told apart by colour: the reference, then the best by validation.

    Of an ablation they are the full model, those that the claims hang on, then the best.

    Args:
        comparison: What was run.
        dataset: The data set.
        reference: The model that others are tested against.
    """
    finished = [model for model in comparison.ranked(dataset) if comparison.of(dataset, model)]
    first = [reference, *(TELLING if reference == FULL else ())]
    order = dict.fromkeys([model for model in first if model in finished] + finished)
    return [model for model in order if model is not None][: len(SERIES)]


def legend(shown: list[str], colours: list[str]) -> list[Key]:
    """What the colours of a picture stand for.

    Args:
        shown: The models that it shows.
        colours: Those in colour, in the order of their colours.
    """
    keys = [Key(model, number) for number, model in enumerate(colours) if model in shown]
    others = [model for model in shown if model not in colours]
    return [*keys, Key(f"others ({len(others)})", None)] if others else keys
