"""The most memory that this process takes between two moments."""

import resource
import sys
from pathlib import Path
from typing import final

import torch

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@final
class PeakMemory:
    """On a CPU the resident set of the whole process, on a GPU what torch holds there (bytes)."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.at_start: int | None = None
        self.peak: int | None = None
        """none before `stop`"""

    def start(self) -> None:
        """Forget earlier peaks, where the system lets one."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            self.at_start = torch.cuda.memory_allocated(self._device)
            return
        try:
            _RESET.write_text("5")
            self.at_start = _kilobytes("VmRSS")
        except (OSError, LookupError):
            self.at_start = None

    def stop(self) -> None:
        """Note the peak since `start`."""
        if self._device.type == "cuda":
            self.peak = torch.cuda.max_memory_allocated(self._device)
            return
        try:
            self.peak = _kilobytes("VmHWM")
        except (OSError, LookupError):
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            self.peak = most if sys.platform == "darwin" else 1024 * most


def _kilobytes(name: str) -> int:
    for line in _STATUS.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    raise LookupError(name)
