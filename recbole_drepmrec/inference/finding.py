"""Finds the inference file of a run, or says why there is none."""

from pathlib import Path

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.inference.bundle import FILE, Bundle, read_bundle
from recbole_drepmrec.run_record import newest_run_hint, read_record

WHO_CAN = (
    "those of this project's models that learn (DRepMRec, VBPR, BM3, ...), RecBole's BPR, DGCF, "
    "LightGCN, LINE, NCL, NGCF, SGL, SimpleX and SpectralCF, and whatever wears BMA"
)


def find_bundle(run: Path) -> Bundle:
    """Read what a run recommends from.

    Args:
        run: Its folder, or an inference file.

    Raises:
        UserError: There is none, or it is damaged.
    """
    return read_bundle(find_file(run))


def find_file(run: Path) -> Path:
    """The file that a run recommends from.

    Args:
        run: Its folder, or an inference file.

    Raises:
        UserError: There is none.
    """
    path = run / FILE if run.is_dir() else run
    if path.is_file():
        return path
    if not run.exists():
        raise UserError(
            f"{run} does not exist; expected the folder of a finished run, such as "
            "saved/DRepMRec-ml-100k-mm-20260101-120000-ab12, or an inference file."
        )
    record = read_record(run)
    if record.get("status") != "finished":
        raise UserError(
            newest_run_hint(run, FILE)
            or f"{run} is no finished run, such as saved/DRepMRec-ml-100k-mm-20260101-120000-ab12, "
            "nor an inference file; a run that was stopped goes on by `recbole-drepmrec train "
            f"--resume={run}`."
        )
    raise UserError(
        f"{run} has no {FILE}. A run of {record.get('model')} leaves one if its scores are dot "
        "products of user and item vectors, and it was not run with saved=False; one that was "
        f"taken away is made by training again. Models with such scores: {WHO_CAN}."
    )
