"""Ctrl-C and SIGTERM: the first finishes the step and saves, the second leaves at once."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Aborted(Exception):
    """A signal came during work that can be done again after a resume."""


class Signals:
    """Notes the first SIGINT or SIGTERM; to be entered around the training loop.

    Outside of the main thread, where Python delivers no signals, it notes none.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._abortable = False

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Within this context signals are noted; afterwards the caller's handlers are back."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in before:
            signal.signal(number, self._receive)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def abortable(self) -> Iterator[None]:
        """Within this context a signal raises Aborted rather than wait for the end of the step."""
        if self.received is not None:
            raise Aborted
        self._abortable = True
        try:
            yield
        finally:
            self._abortable = False

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            if sys.stderr.isatty():
                # A live display hides the cursor and has no time left to show it again.
                os.write(2, b"\x1b[?25h\n")
            os._exit(128 + number)
        self.received = number
        if self._abortable:
            self._abortable = False
            raise Aborted
