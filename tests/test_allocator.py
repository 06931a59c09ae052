"""Memory that a step frees is there for the next one, in a process of its own."""

import subprocess
import sys

import pytest

_PROGRAM = """
import resource, torch
from runnel.allocator import keep_freed_memory

def faults_of_a_step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    kept = [torch.zeros(1 << 24) for _ in range(3)]
    del kept
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual = min(faults_of_a_step() for _ in range(3))
told = keep_freed_memory()
# By where the heap begins, aligned blocks find their places at once or after half a dozen steps.
print(int(told), usual, min(faults_of_a_step() for _ in range(16)))
"""


def test_after_some_steps_none_needs_new_pages() -> None:
    """Three blocks of 64 MB; by default each of their pages comes from the system every time."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True
    )
    told, usual, kept = map(int, done.stdout.split())
    if not told:
        pytest.skip("this system's C library cannot be told")
    assert usual > 1000
    assert kept < 100
