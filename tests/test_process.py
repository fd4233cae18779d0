"""Settings of the whole process."""

import platform
import resource

import pytest
import torch

from recbole_drepmrec.process import keep_freed_memory

PAGES = 2**23 // resource.getpagesize()  # of the tensors below


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc's")
def test_what_a_tensor_gives_back_stays_with_the_process() -> None:
    """Eight of 8 MiB at a time, which glibc as it comes returns to the kernel, and gets anew."""
    assert keep_freed_memory()
    before = page_faults()
    for _ in range(5):
        held = [torch.ones(2**21) for _ in range(8)]
        del held
    assert page_faults() - before < 20 * PAGES


def page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
