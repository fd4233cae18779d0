"""What a misspelt name may have meant."""

import difflib
from collections.abc import Iterable


def nearest(given: str, known: Iterable[str]) -> str:
    """A question that proposes the known name closest to what was given, or nothing.

    Args:
        given: What was given.
        known: All names.
    """
    by_lower = {name.lower(): name for name in known}
    matches = difflib.get_close_matches(given.lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean '{by_lower[matches[0]]}'?" if matches else ""


def nearest_or_all(given: str, known: Iterable[str]) -> str:
    """As ``nearest``; where no name is close, all of them.

    Args:
        given: What was given.
        known: All names, not many.
    """
    known = list(known)
    return nearest(given, known) or f"; there are: {', '.join(known)}."
