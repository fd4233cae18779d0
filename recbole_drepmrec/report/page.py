"""The page: one HTML file that needs no other, and runs no script."""

from pathlib import Path

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.evaluation.ablations import FULL, MODEL
from recbole_drepmrec.evaluation.records import Request
from recbole_drepmrec.evaluation.store import Comparison
from recbole_drepmrec.evaluation.tables import TEST_NAMES
from recbole_drepmrec.files import atomic_file
from recbole_drepmrec.report.environment import template
from recbole_drepmrec.report.projection import Method
from recbole_drepmrec.report.sections import dataset_report


def write_page(comparison: Comparison, datasets: list[str] | None, method: Method | None) -> Path:
    """Write ``report.html`` into a comparison's folder, whole or not at all, and return its path.

    Args:
        comparison: What was run.
        datasets: The data sets that are reported on; None for all with a finished run.
        method: How representations are put into a plane; None leaves checkpoints alone.

    Raises:
        UserError: Nothing is finished, a data set is not among what was run, or a file is damaged
            or missing.
    """
    text = page(comparison, _chosen(comparison, datasets), method)
    path = comparison.out / "report.html"
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def page(comparison: Comparison, datasets: list[str], method: Method | None) -> str:
    """The page as text.

    Args:
        comparison: What was run.
        datasets: Data sets with a finished run.
        method: How representations are put into a plane; None leaves checkpoints alone.

    Raises:
        UserError: A file is damaged or missing.
    """
    versions = _versions(comparison)
    return template("report.html").render(
        heading=_heading(comparison.request),
        request=comparison.request,
        test=TEST_NAMES[comparison.request.test],
        versions=versions,
        failures={str(key): reason for key, reason in comparison.failures.items()},
        reports=[dataset_report(comparison, dataset, method) for dataset in datasets],
    )


def _versions(comparison: Comparison) -> dict[str, str]:
    """Package to its version, or to all that the runs had."""
    found: dict[str, dict[str, None]] = {}
    for result in comparison.results.values():
        for package, version in result.versions.items():
            found.setdefault(package, {})[version] = None
    return {package: " and ".join(versions) for package, versions in found.items()}


def _chosen(comparison: Comparison, datasets: list[str] | None) -> list[str]:
    finished = list(comparison.splits)
    if not finished:
        raise UserError(
            f"no run in {comparison.out} is finished; give the `recbole-drepmrec compare` or "
            "`ablate` that made the folder again, which goes on where it was."
        )
    for name in datasets or []:
        if name not in finished:
            raise UserError(
                f"--datasets has {name!r}, expected some of those with a finished run in "
                f"{comparison.out}: {', '.join(finished)}."
            )
    return list(dict.fromkeys(datasets or finished))


def _heading(request: Request) -> str:
    n = len(request.models)
    if request.reference == FULL:
        return f"{MODEL} and {n - 1} ablations"
    return f"{n} models compared" if n > 1 else request.models[0]
