"""Settings of the whole process: order and precision of its sums, memory that tensors give back."""

import ctypes

import torch

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of glibc's malloc.h
_LARGEST_MMAP_THRESHOLD = 32 * 2**20  # the most that glibc takes on 64 bits
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let glibc keep what tensors give back, for the next ones, instead of the kernel.

    A training step makes tables of some MiB again and again. As glibc comes, it returns such blocks
    to the kernel and gets them back page by page, each cleared: about a sixth of a step's time.

    Returns:
        Whether it was done; other C libraries have no such setting, and are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD), (_TRIM_THRESHOLD, _NEVER))
    return all(mallopt(*setting) == 1 for setting in settings)


def mix_in_bfloat16(device_type: str) -> None:
    """Let RecBole's ``enable_amp`` mix in bfloat16, which has float32's range, on every device.

    On CUDA torch mixes in float16 as it comes, whose small gradients vanish without RecBole's
    ``enable_scaler``.

    Args:
        device_type: ``cpu`` or ``cuda``.
    """
    torch.set_autocast_dtype(device_type, torch.bfloat16)


def choose_algorithms(exact: bool) -> None:
    """Have several threads add up a gradient in one order, or let them race.

    By default torch lets them race for the rows that a batch reads more than once, so that a run
    is repeated to some digits only.

    Args:
        exact: Whether a run is to be repeated to the last digit.
    """
    torch.use_deterministic_algorithms(exact, warn_only=True)
    # filling fresh memory costs time and changes no result
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
