"""Saving while training goes on: copy the tensors now, write the files in one thread."""

import dataclasses
import threading
from typing import Self

from runnel.storage import tensors
from runnel.storage.checkpoint import Checkpoint
from runnel.storage.run import RunDirectory


class BackgroundWriter:
    """Writes checkpoints of one run, at most one at a time.

    What went wrong while writing is raised by the next `save`, `wait` or `close`.
    """

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def save(self, checkpoint: Checkpoint, best: bool = False) -> None:
        """Copy the checkpoint's tensors and begin to write it; waits for the one before."""
        self.wait()
        copy = dataclasses.replace(
            checkpoint,
            model=tensors.snapshot(checkpoint.model),
            training=tensors.snapshot(checkpoint.training),
        )
        # Not a daemon: when training fails, the interpreter waits until the files are whole.
        self._thread = threading.Thread(target=self._write, args=(copy, best), name="checkpoint")
        self._thread.start()

    def wait(self) -> None:
        """Wait until what was saved is on the disk; raise what went wrong."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def close(self) -> None:
        """Finish; raise what went wrong."""
        self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, checkpoint: Checkpoint, best: bool) -> None:
        try:
            self._run.save(checkpoint, best)
        except BaseException as error:
            self._error = error
