"""The plots: one file each, with a function `plot(telling) -> title`, found by walking this folder."""

import pkgutil
from collections.abc import Callable
from importlib import import_module

from runnel.data.stories.telling import Telling

Plot = Callable[[Telling], str]

PLOTS: dict[str, Plot] = {
    module.name: import_module(f"{__name__}.{module.name}").plot
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name)
}
