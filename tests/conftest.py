"""What must stand before anything is imported."""

import os
from pathlib import Path

# Triton decides at its import, which torch may cause, whether kernels are compiled or interpreted.
if not Path("/dev/nvidiactl").exists():
    os.environ["TRITON_INTERPRET"] = "1"
