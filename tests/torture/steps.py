"""A progress that shows nothing and acts after steps: where runs are disturbed, or watched."""

from collections.abc import Callable
from typing import Any, final

from runnel.training import Progress
from runnel.training.schedule import Budget, Spent


@final
class OnSteps(Progress):
    """Calls a function after every step."""

    def __init__(self, act: Callable[[Spent], None]) -> None:
        self._act = act

    def start(self, heading: str, budget: Budget, measure: str) -> None: ...

    def step(self, spent: Spent) -> None:
        self._act(spent)

    def evaluating(self) -> None: ...

    def line(self, line: dict[str, Any]) -> None: ...

    def sample(self, text: str) -> None: ...

    def note(self, text: str) -> None: ...

    def stop(self) -> None: ...


def at(step: int, act: Callable[[], None]) -> OnSteps:
    """Acts after so many steps."""

    def when_there(spent: Spent) -> None:
        if spent.steps == step:
            act()

    return OnSteps(when_there)
