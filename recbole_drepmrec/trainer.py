"""RecBole's trainers, writing our run folder and our checkpoints, in one process or several."""

import importlib
import inspect
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from recbole.trainer import Trainer
from recbole.utils import get_trainer as get_recbole_trainer
from recbole.utils import init_seed
from torch.nn import SyncBatchNorm
from torch.nn.parallel import DistributedDataParallel
from torch.utils.tensorboard import SummaryWriter

from recbole_drepmrec.checkpoint import (
    random_state,
    restore_random_state,
    write_checkpoint,
)
from recbole_drepmrec.collector import TopCollector
from recbole_drepmrec.distributed import is_first, rank, wait_for_all
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.fixed_shapes import has_fixed_shapes
from recbole_drepmrec.metrics import VectorisedEvaluator
from recbole_drepmrec.model.base import FeatureRecommender
from recbole_drepmrec.model_checkpoint import load_checkpoint, preparation_of
from recbole_drepmrec.protocol import not_improved_by_a_tie
from recbole_drepmrec.registry import host_name
from recbole_drepmrec.run_folder import RunFolder
from recbole_drepmrec.unsaved_state import keep_attributes, optimizers

if TYPE_CHECKING:
    from recbole.trainer import Trainer as _Base
else:
    _Base = object


# The option's old name warns in current torch; the new one is unknown to older ones.
_KNOWN = inspect.signature(DistributedDataParallel.__init__).parameters
_NO_BUFFER_SYNC: dict[str, Any] = {
    "forward_sync_buffers" if "forward_sync_buffers" in _KNOWN else "broadcast_buffers": False
}


FLUSH_SECONDS = 2
"""Seconds after which curves are on the disk, instead of 120."""


class RunTrainerMixin(_Base):
    """Put before a RecBole trainer class: its training loop, our files.

    Args:
        config: The resolved configuration.
        model: The model to train.
        run: Where the run's files go.
    """

    config: Any
    model: Any
    device: torch.device
    optimizer: torch.optim.Optimizer
    epochs: int
    eval_step: int

    def __init__(self, config: Any, model: Any, run: RunFolder) -> None:
        self.run = run
        with _as_single_process(config), _tensorboard_in(run):
            super().__init__(config, model)
        keep_attributes(model)
        self.eval_step = min(self.eval_step, self.epochs)  # some trainers have one epoch only
        self.saved_model_file = str(run.checkpoint)
        self.eval_collector = TopCollector(config)
        self.evaluator = VectorisedEvaluator(config)
        self._train_data: Any = None
        self._resumed: dict[str, Any] | None = None
        self._epoch: dict[str, Any] = {}
        self._valid_result: dict[str, Any] | None = None
        self._validates = False
        self._saved = False
        if not config["single_spec"]:
            self._distribute()

    def _build_optimizer(self, **kwargs: Any) -> torch.optim.Optimizer:
        """RecBole's optimizer; Adam updates a table in one pass over it, not in seven."""
        optimizer: torch.optim.Optimizer = super()._build_optimizer(**kwargs)
        if isinstance(optimizer, torch.optim.Adam):
            for group in optimizer.param_groups:
                group["fused"] = True
        return optimizer

    def _distribute(self) -> None:
        """Wrap the model for gradient averaging, on CPU as well, which RecBole's way cannot."""
        on_gpu = self.device.type == "cuda"
        if on_gpu:
            convert: Any = SyncBatchNorm.convert_sync_batchnorm
            self.model = convert(self.model)
        self.distributed_model = DistributedDataParallel(
            self.model,
            device_ids=[self.device.index] if on_gpu else None,
            **_NO_BUFFER_SYNC,  # ours are frozen; SyncBatchNorm keeps its own equal
        )

    def fit(self, train_data: Any, *args: Any, **kwargs: Any) -> Any:
        """Train as RecBole does; keeps the loader, whose generator belongs to a checkpoint."""
        self._train_data = train_data
        given = inspect.signature(super().fit).bind(train_data, *args, **kwargs)
        given.apply_defaults()
        stage = str(getattr(self.model, "train_stage", ""))
        pretrains = "pretrain" in stage  # RaCT's first stages validate nothing
        validates = bool(given.arguments.get("valid_data")) and not pretrains
        self._validates = validates and self.eval_step > 0
        self._saved = bool(given.arguments.get("saved"))
        if self._resumed is not None:
            self._restore_random_state(self._resumed, train_data)
        return super().fit(train_data, *args, **kwargs)

    def _restore_random_state(self, state: dict[str, Any], train_data: Any) -> None:
        if state["loader"] is not None:
            train_data.generator.set_state(state["loader"].cpu())
        if is_first():
            restore_random_state(state["random"])
        else:  # the checkpoint knows rank 0's state only, and each process draws its own negatives
            seed = self.config["seed"] + rank() + self.start_epoch
            init_seed(seed, self.config["reproducibility"])

    def _train_epoch(self, train_data: Any, epoch_idx: int, *args: Any, **kwargs: Any) -> Any:
        if self._saved and epoch_idx > self.start_epoch:
            self._save_last(epoch_idx - 1)
        started = perf_counter()
        if isinstance(self.model, FeatureRecommender):
            self.model.start_epoch()
        if self._reads_loss_once:
            kwargs["loss_func"] = self._unread_loss
        loss = super()._train_epoch(train_data, epoch_idx, *args, **kwargs)
        if self._reads_loss_once:
            loss = self._read_loss(loss)
        self._epoch = {
            "epoch": epoch_idx,
            "train_loss": list(loss) if isinstance(loss, tuple) else loss,
            "train_seconds": round(perf_counter() - started, 3),
        }
        if self.config["track_similarity"] and is_first():
            self._epoch |= self._similarity()
        if not self._validates or (epoch_idx + 1) % self.eval_step:
            self.run.append_metrics(self._epoch)
        return loss

    @property
    def _reads_loss_once(self) -> bool:
        """Whether the loss is read after an epoch, and not after each step, which waits for a GPU.

        A trainer with epochs of its own gives RecBole's loop other losses than the model's one.
        """
        plain = super()._train_epoch.__func__ is Trainer._train_epoch
        return plain and has_fixed_shapes(self.device)

    def _unread_loss(self, interaction: Any) -> Any:
        """The model's loss, whose ``item()``, which RecBole adds up, stays where it is."""
        losses = self.model.calculate_loss(interaction)
        for loss in losses if isinstance(losses, tuple) else [losses]:
            loss.item = loss.detach().double
        return losses

    def _read_loss(self, loss: Any) -> Any:
        """What ``_unread_loss`` added up, as numbers; a step that diverged makes the sum so."""
        parts = loss if isinstance(loss, tuple) else (loss,)
        self._require_finite(sum(parts))
        return tuple(map(float, parts)) if isinstance(loss, tuple) else float(loss)

    def _similarity(self) -> dict[str, Any]:
        kept = self.model.similarity_kept() if isinstance(self.model, FeatureRecommender) else {}
        return {"similarity": kept} if kept else {}

    def _check_nan(self, loss: torch.Tensor) -> None:
        if not self._reads_loss_once:
            self._require_finite(loss)

    def _require_finite(self, loss: Any) -> None:
        if not torch.isfinite(loss):
            raise UserError(
                f"the training loss became {loss.item()}; lower --learning_rate (now "
                f"{self.config['learning_rate']}) or the weights of the loss's terms."
            )

    def _valid_epoch(self, valid_data: Any, show_progress: bool = False) -> Any:
        started = perf_counter()
        score, result = super()._valid_epoch(valid_data, show_progress)
        seconds = round(perf_counter() - started, 3)
        self.run.append_metrics({**self._epoch, "valid": result, "valid_seconds": seconds})
        self._valid_result = dict(result)
        if self.config["strict_improvement"]:
            best, bigger = float(self.best_valid_score), bool(self.valid_metric_bigger)
            score = not_improved_by_a_tie(float(score), best, bigger)
        return score, result

    def _save_checkpoint(self, epoch: int, verbose: bool = True, **kwargs: Any) -> None:
        """Write the checkpoint from rank 0, and let nobody read before it is whole."""
        path = Path(kwargs.get("saved_model_file", self.saved_model_file))
        self._write(path, self._state(epoch, self._valid_result))

    def _save_last(self, epoch: int) -> None:
        """Write all that a training needs that is killed from now on, whatever epoch is best."""
        self._write(self.run.last, self._state(epoch, self.best_valid_result))

    def _write(self, path: Path, state: dict[str, Any]) -> None:
        if is_first():
            write_checkpoint(path, state)
        wait_for_all()

    def save_pretrained_model(self, epoch: int, saved_model_file: str) -> None:
        """Keep a model that is trained in stages (RaCT) where every other is kept.

        Args:
            epoch: The epoch just trained.
            saved_model_file: RecBole's choice of a file, outside the run's folder; not used.
        """
        self._save_checkpoint(epoch)

    def _state(self, epoch: int, valid_result: dict[str, Any] | None) -> dict[str, Any]:
        loader = getattr(self._train_data, "generator", None)
        return {
            "model": self.config["model"],
            "epoch": epoch,
            "cur_step": self.cur_step,
            "best_valid_score": float(self.best_valid_score),
            "valid_result": valid_result,
            "state_dict": dict(self.model.state_dict()),
            "other_parameter": self.model.other_parameter(),
            "feature_preparation": preparation_of(self.model),
            "optimizers": {name: one.state_dict() for name, one in optimizers(self).items()},
            "random": random_state(),
            "loader": loader.get_state() if loader is not None else None,
        }

    def resume_checkpoint(self, resume_file: str | Path) -> None:
        """Go on from a checkpoint as if training had never stopped.

        Args:
            resume_file: The checkpoint; it is the best one, and goes to this run's folder, until
                an epoch is better.
        """
        state = load_checkpoint(Path(resume_file), self.config, self.model)
        self._go_on_from(state)
        self._write(Path(self.saved_model_file), state)

    def resume_last(self) -> None:
        """Go on in this run's folder after the last epoch that it kept, if it came so far."""
        if not self.run.last.is_file():
            self.run.keep_metrics_until(-1)
            return
        state = load_checkpoint(self.run.last, self.config, self.model)
        self._go_on_from(state)
        self.run.keep_metrics_until(state["epoch"])

    def _go_on_from(self, state: dict[str, Any]) -> None:
        self.start_epoch = state["epoch"] + 1
        self.cur_step = state["cur_step"]
        self.best_valid_score = state["best_valid_score"]
        for name, one in state["optimizers"].items():
            getattr(self, name).load_state_dict(one)
        self._valid_result = self.best_valid_result = state["valid_result"]
        self._resumed = state

    def load_best(self) -> None:
        """Give the model the parameters of the best epoch."""
        load_checkpoint(Path(self.saved_model_file), self.config, self.model)

    def evaluate(
        self,
        eval_data: Any,
        load_best_model: bool = True,
        model_file: str | Path | None = None,
        show_progress: bool = False,
    ) -> Any:
        """Evaluate as RecBole does, loading the best epoch's checkpoint safely first."""
        if not eval_data:
            return None
        if load_best_model:
            load_checkpoint(Path(model_file or self.saved_model_file), self.config, self.model)
        self.eval_collector.n_samples = eval_data.sample_size
        result = super().evaluate(eval_data, load_best_model=False, show_progress=show_progress)
        return OrderedDict((name, float(value)) for name, value in result.items())

    def _map_reduce(self, result: Any, num_sample: int) -> Any:
        """Nothing to average: the collector has gathered every process's users already."""
        return result


@cache
def trainer_class(model_type: Any, model_name: str) -> Any:
    """RecBole's trainer for a model, with our files.

    Args:
        model_type: RecBole's ``ModelType``.
        model_name: The model's name; some of RecBole's have a trainer of their own, and keep it
            when they wear BMA.
    """
    base = get_recbole_trainer(model_type, host_name(model_name))
    return type(f"Run{base.__name__}", (RunTrainerMixin, base), {})


@contextmanager
def _as_single_process(config: Any) -> Iterator[None]:
    """Keep RecBole's trainer from wrapping the model for NCCL, which fails on CPU."""
    single = config["single_spec"]
    config["single_spec"] = True
    try:
        yield
    finally:
        config["single_spec"] = single


class _NoCurves:
    """Stands for the writer in every process but the first."""

    def add_scalar(self, *args: Any) -> None:
        """Write nothing."""

    def add_hparams(self, *args: Any) -> None:
        """Write nothing."""

    def close(self) -> None:
        """Nothing is open."""


@contextmanager
def _tensorboard_in(run: RunFolder) -> Iterator[None]:
    """Let RecBole's trainer write its curves into the run's folder.

    RecBole offers no other way: it calls a function that writes to ``log_tensorboard/``.
    """
    module: Any = importlib.import_module("recbole.trainer.trainer")
    original = module.get_tensorboard
    curves = str(run.path / "tensorboard")
    # Ctrl-C while a point is handed over can lose the wake-up of the writer's thread, which then
    # sleeps, and the end of the run with it, until its next flush
    writer = SummaryWriter(curves, flush_secs=FLUSH_SECONDS) if is_first() else _NoCurves()
    module.get_tensorboard = lambda logger: writer
    try:
        yield
    finally:
        module.get_tensorboard = original
