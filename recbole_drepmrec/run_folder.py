"""What a run leaves behind: ``saved/RUN_ID/`` with its configuration, metrics and logs."""

import hashlib
import json
import logging
import platform
import secrets
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import torch
from recbole.utils.logger import RemoveColorFilter

import recbole_drepmrec
from recbole_drepmrec.distributed import from_first, is_first
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import atomic_file, write_errors, write_json
from recbole_drepmrec.libraries import versions
from recbole_drepmrec.run_record import RECORD, newest_run_hint

PACKAGES = ("recbole", "torch", "numpy", "scipy", "pandas", "scikit-learn")


class RunFolder:
    """The folder of one run.

    ``run.json`` says what was run and what came out, ``config.json`` is the resolved
    configuration, ``metrics.jsonl`` has a line an epoch, ``run.log`` the log, ``tensorboard/`` the
    curves, and ``checkpoint.safetensors`` the best epoch's model. While a run trains,
    ``last.safetensors`` is what it can go on from.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, parent: Path, model: str, dataset: str) -> "RunFolder":
        """Make a new folder with a name of its own; one folder for all processes of a run."""
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        name = from_first(f"{model}-{dataset}-{stamp}-{secrets.token_hex(2)}")
        run = cls(parent / name)
        with write_errors(run.path):
            run.path.mkdir(parents=True, exist_ok=True)
        return run

    @property
    def checkpoint(self) -> Path:
        """The best epoch's model and the state to go on from."""
        return self.path / "checkpoint.safetensors"

    @property
    def last(self) -> Path:
        """The state after the last epoch but the one now running; gone once training has ended."""
        return self.path / "last.safetensors"

    def unfinished(self, processes: int) -> dict[str, Any]:
        """The settings of a run that was stopped, which can go on.

        Args:
            processes: How many processes are to go on with it.

        Raises:
            UserError: This is no run's folder, the run is finished, or it had another number of
                processes.
        """
        record = self.read_json(RECORD)
        if record.get("status") == "finished":
            raise UserError(
                f"{self.path} is finished, so there is nothing to go on with; start another run, "
                "with more --epochs or a higher --stopping_step if it is to be longer."
            )
        if record.get("processes", 1) != processes:
            raise UserError(
                f"{self.path} was trained by {record['processes']} processes, not {processes}; "
                "give the same --nproc and --world_size again."
            )
        return self.read_json("config.json")

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write ``name`` (whole or not at all); only one process of a run does."""
        if is_first():
            write_json(self.path / name, content)

    def read_json(self, name: str) -> dict[str, Any]:
        """Read one of the folder's JSON files."""
        path = self.path / name
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(content, dict):
                raise ValueError(f"it holds a {type(content).__name__}, not a mapping")
        except (OSError, ValueError) as error:
            missing = isinstance(error, FileNotFoundError)
            hint = newest_run_hint(self.path, name) if missing else ""
            why = "it does not exist" if missing else error
            raise UserError(
                hint
                or f"{path} cannot be read ({why}); expected the folder of a run, such as "
                "saved/DRepMRec-ml-100k-mm-20260101-120000-ab12."
            ) from error
        return content

    def append_metrics(self, line: dict[str, Any]) -> None:
        """Add one epoch to ``metrics.jsonl``."""
        if is_first():
            path = self.path / "metrics.jsonl"
            with write_errors(path), path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def keep_metrics_until(self, epoch: int) -> None:
        """Forget the epochs after one, which will be trained again, and a line half written.

        Args:
            epoch: The last epoch to keep; -1 keeps none.
        """
        path = self.path / "metrics.jsonl"
        if not is_first() or not path.is_file():
            return
        kept = [line for number, line in self._metrics().items() if number <= epoch]
        with atomic_file(path) as temporary:
            temporary.write_text("".join(kept), encoding="utf-8")

    def has_metrics_until(self, epoch: int) -> bool:
        """Whether ``metrics.jsonl`` has a line of every epoch up to one.

        Args:
            epoch: The last epoch.

        Raises:
            UserError: The file is missing or damaged.
        """
        return set(range(epoch + 1)) <= self._metrics().keys()

    def _metrics(self) -> dict[int, str]:
        """Epoch to its whole line."""
        path = self.path / "metrics.jsonl"
        try:
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            return {json.loads(line)["epoch"]: line for line in lines if line.endswith("\n")}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path} is damaged ({error}); start another run.") from error

    def remove_leftovers(self) -> None:
        """Remove what only a training needs, and files that a killed one had half written."""
        if is_first():
            half_written = [*self.path.glob(".*.tmp"), *self.path.glob(".tmp*")]  # safetensors' own
            for path in [self.last, *half_written]:
                path.unlink(missing_ok=True)

    def log_to_file(self) -> None:
        """Let every log message go to ``run.log`` too; where RecBole looks for its log's name."""
        if not is_first():
            return
        handler = logging.FileHandler(self.path / "run.log", encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        handler.addFilter(RemoveColorFilter())
        logging.getLogger().addHandler(handler)


def provenance(command: list[str]) -> dict[str, Any]:
    """Command, time, versions and machine: what a reader needs to repeat a run."""
    installed = dict.fromkeys(PACKAGES, "unknown") | versions(*PACKAGES)
    return {
        "command": command,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "recbole-drepmrec": recbole_drepmrec.__version__,
            "python": platform.python_version(),
            **installed,
        },
        "code_sha256": _code_hash(),
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "threads": torch.get_num_threads(),
        },
    }


@cache
def _code_hash() -> str:
    """Of this package's sources: between two versions they change, and numbers may with them."""
    folder = Path(recbole_drepmrec.__file__).parent
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(f"{file.relative_to(folder).as_posix()}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def data_hashes(datasets: dict[str, Any]) -> dict[str, str]:
    """SHA-256 of the raw user and item ids of each split, in order.

    Args:
        datasets: Split name to RecBole data set.
    """
    return {name: _interactions_hash(dataset) for name, dataset in datasets.items()}


def _interactions_hash(dataset: Any) -> str:
    digest = hashlib.sha256()
    for field in (dataset.uid_field, dataset.iid_field):
        tokens = dataset.id2token(field, dataset.inter_feat[field].numpy())
        digest.update("\n".join(tokens.astype(str)).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def command_line() -> list[str]:
    """The command that started this process, its script without folders."""
    return [Path(sys.argv[0]).name, *sys.argv[1:]]
