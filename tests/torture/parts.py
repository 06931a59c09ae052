"""The parts, in the order of the table."""

from torture import bad_numbers, disk, faults, flips, fuzz, hostile, kill, locks, malformed, resume
from torture.bench import Part

PARTS: dict[str, Part] = {
    module.PART.name: module.PART
    for module in (kill, faults, resume, flips, malformed, hostile, disk, bad_numbers, locks, fuzz)
}
