"""The page of a study: ``tune.html``, one file that needs no other, and runs no script."""

from pathlib import Path

import yaml

from recbole_drepmrec.evaluation.table import NOTHING, Table
from recbole_drepmrec.files import atomic_file
from recbole_drepmrec.report.environment import template
from recbole_drepmrec.report.svg import Picture
from recbole_drepmrec.report.tuning_pictures import curves, history, importances
from recbole_drepmrec.tuning.results import StudyResults
from recbole_drepmrec.tuning.written import (
    best_values,
    shown_value,
    trials_table,
    use_command,
)


def write_tuning_page(out: Path, results: StudyResults) -> Path:
    """Write ``tune.html`` into a study's folder, whole or not at all, and return its path.

    Args:
        out: The study's folder.
        results: What it found.

    Raises:
        UserError: The file cannot be written.
    """
    best, record = results.best, results.record
    scored = any(one.scores for one in results.trials)
    text = template("tune.html").render(
        record=record,
        best=best,
        command=use_command(out, record),
        properties="" if best is None else _properties(results),
        pictures=_pictures(results) if best is not None and scored else [],
        space=_space_table(results),
        trials=trials_table(results),
    )
    path = out / "tune.html"
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _properties(results: StudyResults) -> str:
    assert results.best is not None
    values = best_values(results, results.best)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True).strip()


def _pictures(results: StudyResults) -> list[Picture]:
    found = [history(results), curves(results), importances(results)]
    return [picture for picture in found if picture is not None]


def _space_table(results: StudyResults) -> Table:
    """Each key: what may be tried, the default, the best value, and how much depends on it."""
    best = results.best
    rows = []
    for key, dimension in results.record.dimensions().items():
        share = results.importances.get(key)
        rows.append(
            {
                "key": key,
                "default": shown_value(results.record.settings[key]),
                "best": NOTHING if best is None else shown_value(best.setting[key]),
                "importance": NOTHING if share is None else f"{share:.2f}",
                "tried": str(dimension),
            }
        )
    return Table("space", "Search space", rows, [])
