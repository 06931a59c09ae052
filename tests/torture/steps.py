"""A progress that shows nothing and acts after steps: where runs are disturbed, or watched."""

from collections.abc import Callable
from typing import final

from runnel.training import Progress
from runnel.training.schedule import Spent


@final
class OnSteps(Progress):
    """Calls a function after every step."""

    def __init__(self, act: Callable[[Spent], None]) -> None:
        self._act = act

    def step(self, spent: Spent) -> None:
        self._act(spent)


def at(step: int, act: Callable[[], None]) -> OnSteps:
    """Acts after so many steps."""

    def when_there(spent: Spent) -> None:
        if spent.steps == step:
            act()

    return OnSteps(when_there)
