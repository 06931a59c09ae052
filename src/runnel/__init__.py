"""runnel: train, compare and run small language models that stream.

The public names are imported when they are first used, so that `import runnel` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = ["__version__", "build", "generate", "load"]

if TYPE_CHECKING:
    from runnel.inference.generate import generate
    from runnel.recipes import build
    from runnel.storage.load import load_model as load

_HOMES = {
    "build": ("runnel.recipes", "build"),
    "generate": ("runnel.inference", "generate"),
    "load": ("runnel.storage.load", "load_model"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'runnel' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
