"""One file, one mixer, one name: `MIXERS` maps each name to its Config, found by a walk."""

import sys

from runnel.configuration import registry
from runnel.mixer import MixerConfig

MIXERS: dict[str, type[MixerConfig]] = registry(sys.modules[__name__], MixerConfig)
