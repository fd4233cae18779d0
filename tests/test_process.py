"""Settings of the whole process."""

import platform
import resource

import pytest
import torch

from recbole_drepmrec.process import keep_freed_memory

PAGES = 2**23 // resource.getpagesize()  # of the tensors below


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc's")
def test_what_a_tensor_gives_back_stays_with_the_process() -> None:
    """8 MiB, which glibc as it comes may return to the kernel and get back each time."""
    assert keep_freed_memory()
    before = page_faults()
    for _ in range(20):
        torch.ones(2**21)
    assert page_faults() - before < 10 * PAGES


def page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
