"""The bundled corpus `stories`: children's tales out of a small simulated world, any amount from a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from runnel.data.stories.chance import Chooser, Dice
from runnel.data.stories.plots import PLOTS
from runnel.data.stories.telling import Probe, Telling

__all__ = ["Probe", "Story", "attempt", "compose", "stories", "story", "write"]

MIN_WORDS, MAX_WORDS = 80, 250
ATTEMPTS = 100
_NAMES = tuple(PLOTS)


@dataclass(frozen=True)
class Story:
    """A story: its paragraphs, separated by one newline, and the probes that measure memory in it."""

    title: str
    text: str
    probes: tuple[Probe, ...]


def story(seed: int, index: int) -> Story:
    """Write the index-th story of a seed; it depends on nothing else."""
    if index < 0:
        raise ValueError(f"index must be 0 or more; got {index}")
    dice = Dice(seed, index)
    return compose(dice, dice.favor(_NAMES, 4))


def compose(chooser: Chooser, plot: str) -> Story:
    """Write a story of the named plot; one that came out too long, or asks too little, is told anew."""
    for _ in range(ATTEMPTS):
        tale = attempt(chooser, plot)
        if tale is not None:
            return tale
    raise RuntimeError(f"{plot} came out too long or asked too little {ATTEMPTS} times: shorten it")


def attempt(chooser: Chooser, plot: str) -> Story | None:
    """Tell the named plot once; return None if it is too long or has too few probes."""
    telling = Telling(chooser)
    title = telling.render(PLOTS[plot](telling))
    loose = telling.world.loose_ends()
    assert not loose, f"{plot} ends while {loose}"
    text, probes = telling.finish()
    short = MIN_WORDS <= len(text.split()) <= MAX_WORDS
    if short and len(probes) >= 3 and len({probe.kind for probe in probes}) >= 2:
        return Story(title, text, probes)
    return None


def stories(seed: int = 0, start: int = 0) -> Iterator[Story]:
    """Write stories without end, from the start-th on."""
    return (story(seed, index) for index in count(start))


def write(megabytes: float, seed: int = 0) -> list[str]:
    """Write the texts of the first stories, at least `megabytes` times 10**6 bytes in all."""
    texts: list[str] = []
    size = 0
    for tale in stories(seed):
        if size >= megabytes * 1e6:
            break
        texts.append(tale.text)
        size += len(tale.text)
    return texts
