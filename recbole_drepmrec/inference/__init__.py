"""From a trained model to recommendations: a run's folder is all that is needed."""

from recbole_drepmrec.inference.bundle import Bundle, Seen
from recbole_drepmrec.inference.explanation import Explanation, Neighbour
from recbole_drepmrec.inference.ranking import Lists, Recommended
from recbole_drepmrec.inference.recommender import Recommender

__all__ = [
    "Bundle",
    "Explanation",
    "Lists",
    "Neighbour",
    "Recommended",
    "Recommender",
    "Seen",
]
