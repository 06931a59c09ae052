"""The errors that a user can meet, one class per exit code of the command line."""


class InputError(ValueError):
    """The user's input is at fault (exit 2): what was expected, what came, what to do."""


class DivergedError(RuntimeError):
    """Training met NaN or Inf (exit 3); the last good checkpoint is kept."""


class DiskError(OSError):
    """The disk failed or is full (exit 4); what was saved before stays whole."""
