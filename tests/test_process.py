"""Settings of the whole process."""

import platform
import subprocess
import sys

import pytest
import torch

from recbole_drepmrec.process import mix_in_bfloat16

HELD = """
import psutil, torch
from recbole_drepmrec.process import keep_freed_memory
{set_up}
process = psutil.Process()
torch.ones(1)
before = process.memory_info().rss
tensors = [torch.ones(2**21) for _ in range(8)]
del tensors
print(process.memory_info().rss - before)
"""


@pytest.mark.parametrize("device_type", ["cpu", "cuda"])
def test_mixed_precision_keeps_the_range_of_float32(device_type: str) -> None:
    before = torch.get_autocast_dtype(device_type)
    torch.set_autocast_dtype(device_type, torch.float16)
    mix_in_bfloat16(device_type)
    assert torch.get_autocast_dtype(device_type) == torch.bfloat16
    torch.set_autocast_dtype(device_type, before)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc's")
def test_what_tensors_give_back_stays_with_the_process() -> None:
    """64 MiB, which glibc as it comes returns to the kernel."""
    assert held_after("assert keep_freed_memory()") > 48 * 2**20
    assert held_after("") < 32 * 2**20


def held_after(set_up: str) -> int:
    """Bytes that a process of its own still holds after its tensors are gone."""
    words = [sys.executable, "-c", HELD.format(set_up=set_up)]
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
