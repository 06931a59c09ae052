"""The parts, in the order of the table."""

from torture import disk, faults, flips, fuzz, hostile, kill, malformed, resume
from torture.bench import Part

PARTS: dict[str, Part] = {
    module.PART.name: module.PART
    for module in (kill, faults, resume, flips, malformed, hostile, disk, fuzz)
}
