"""An item graph of many items: time, and memory above the features."""

import resource
import time
from typing import Any

N_ITEMS, N_FEATURES, K = 63_001, 384, 10


def features() -> Any:
    """Unit vectors in 500 clusters, the first one padding, and who is there."""
    import torch

    from recbole_drepmrec.process import keep_freed_memory

    keep_freed_memory()
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(500, N_FEATURES, generator=generator)
    rows = centres[torch.randint(0, 500, (N_ITEMS,), generator=generator)]
    rows += 0.8 * torch.randn(N_ITEMS, N_FEATURES, generator=generator)
    rows[0] = 0
    return torch.nn.functional.normalize(rows, dim=1), torch.arange(N_ITEMS) > 0


def peak() -> float:
    """The most memory that this process has held, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def item_graph() -> tuple[float, float]:
    """Seconds, and GiB above what stood there with the features."""
    from recbole_drepmrec.graph import cosine_knn

    rows, present = features()
    before, started = peak(), time.perf_counter()
    cosine_knn(rows, present, K)
    return time.perf_counter() - started, peak() - before


def dense() -> float:
    """Seconds of one product of all with all, and its top k; it takes 16 GiB."""
    rows, _ = features()
    started = time.perf_counter()
    (rows @ rows.T).fill_diagonal_(0).topk(K, dim=1)
    return time.perf_counter() - started
