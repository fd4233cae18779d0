"""One training step in one of two processes, started by a test."""

import sys
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from recbole_drepmrec.config import Config
from recbole_drepmrec.distributed import leave_group
from recbole_drepmrec.prepared import prepare


def gradients(model: Any, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def step(rank: int, settings: dict[str, Any], port: int, out: Path) -> None:
    """Rank 0 writes the gradients that the two processes have averaged."""
    prepared = prepare(Config("DRepMRec", config_dict=settings))
    batch = next(iter(prepared.train_data))
    half = len(batch) // 2
    mine = batch[rank * half : (rank + 1) * half]
    address = f"tcp://localhost:{port}"
    dist.init_process_group("gloo", rank=rank, world_size=2, init_method=address)
    prepared.model.forward = prepared.model.calculate_loss  # as RecBole's trainer has it called
    wrapped = DistributedDataParallel(prepared.model)
    found = gradients(prepared.model, wrapped(mine))
    if rank == 0:
        torch.save(found, out)
    leave_group()


if __name__ == "__main__":
    sys.exit("started by tests/test_quick_start.py")
