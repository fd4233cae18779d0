"""Several processes: joining the group, and what must be equal in all of them."""

import time
from typing import Any, TypeVar

import torch
from torch import distributed as dist

Value = TypeVar("Value")

SETTLE = 0.5
"""Seconds that a group's threads get to end their last operation before it is taken down."""


def join_group(settings: dict[str, Any]) -> None:
    """Join the process group of this run: NCCL on GPUs, gloo on CPUs.

    Args:
        settings: The resolved configuration with its launch keys.
    """
    device: torch.device = settings["device"]
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group(
        backend="nccl" if device.type == "cuda" else "gloo",
        rank=settings["local_rank"] + settings["offset"],
        world_size=settings["world_size"],
        init_method=f"tcp://{settings['ip']}:{settings['port']}",
    )


def leave_group() -> None:
    """Leave the process group, if this process is in one.

    torch 2.13's gloo group joins its threads while it holds the interpreter's lock, for which one
    of them may wait to let go of its last operation: a deadlock. Asleep, this process holds none.
    """
    if dist.is_initialized():
        time.sleep(SETTLE)
        dist.destroy_process_group()


def rank() -> int:
    """This process's number in the group, over all machines; 0 for the only one."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Whether this process writes files: the only one, or rank 0 of the group."""
    return rank() == 0


def from_first(value: Value) -> Value:
    """Rank 0's value, in every process."""
    if not dist.is_initialized():
        return value
    values: list[Any] = [value]
    dist.broadcast_object_list(values, src=0)
    return values[0]  # type: ignore[no-any-return]


def wait_for_all() -> None:
    """Return once every process has come here."""
    if dist.is_initialized():
        dist.barrier()


def gather_samples(rows: torch.Tensor, n_samples: int) -> torch.Tensor:
    """Rows of all samples in their order, from each process's share of them.

    PyTorch's ``DistributedSampler`` gives process r the samples r, r + W, r + 2W ... and repeats
    the first ones until the shares are equal; this undoes both, so that no sample counts twice.

    Args:
        rows: This process's share, shape [ceil(n_samples / W), ...].
        n_samples: How many samples there are.
    """
    shares = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
    dist.all_gather(shares, rows.contiguous())
    return torch.stack(shares, dim=1).flatten(0, 1)[:n_samples]
