"""The errors that a user can meet, one class per exit code of the command line."""

import sys
from typing import ClassVar


class InputError(ValueError):
    """The user's input is at fault: what was expected, what came, what to do."""

    exit_code: ClassVar[int] = 2


class DivergedError(RuntimeError):
    """Training met NaN or Inf; the last good checkpoint is kept."""

    exit_code: ClassVar[int] = 3


class DiskError(OSError):
    """The disk failed or is full; what was saved before stays whole."""

    exit_code: ClassVar[int] = 4


KNOWN = (InputError, DivergedError, DiskError)


def tell_error(error: InputError | DivergedError | DiskError) -> int:
    """One line on standard error; the exit code."""
    sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
    return error.exit_code
