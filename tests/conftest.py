"""What must stand before anything is imported, and what tests of several rooms use."""

import os
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

# Triton decides at its import, which torch may cause, whether kernels are compiled or interpreted.
if not Path("/dev/nvidiactl").exists():
    os.environ["TRITON_INTERPRET"] = "1"


@pytest.fixture(scope="session")
def in_child() -> Callable[[Callable[[], None]], int]:
    """Run a function in a forked process; its exit status, or minus the signal that ended it."""

    def run(function: Callable[[], None]) -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            try:
                function()
                os._exit(0)
            except BaseException:
                traceback.print_exc(file=sys.__stderr__)
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    return run
