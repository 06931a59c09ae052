"""Model and training state in files: checkpoints, manifests, run directories."""

from runnel.storage.background import BackgroundWriter
from runnel.storage.checkpoint import Checkpoint, DamagedCheckpoint
from runnel.storage.load import load_config, load_model
from runnel.storage.run import RunDirectory, holds_run

__all__ = [
    "BackgroundWriter",
    "Checkpoint",
    "DamagedCheckpoint",
    "RunDirectory",
    "holds_run",
    "load_config",
    "load_model",
]
