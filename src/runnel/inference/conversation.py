"""A conversation: one stream kept across turns, the user's lines read, the model's written."""

from collections.abc import Iterator

from runnel.inference.sampling import Sampling
from runnel.inference.session import Session


class Conversation:
    """Takes turns on one session; the model remembers all of it in its state of fixed size.

    A line is read with `joint` after it, then the model writes until `pause`, the end token or the
    budget. Every turn leaves the stream behind a `pause`, as if the model had written it.
    """

    def __init__(
        self,
        session: Session,
        *,
        tokens: int = 200,
        sampling: Sampling | None = None,
        joint: str = "\n",
        pause: str = "\n\n",
    ) -> None:
        self.session = session
        self._tokens = tokens
        self._sampling = sampling
        self._joint = joint
        self._pause = pause
        self._open = False

    def say(self, line: str) -> Iterator[str]:
        """Read the user's line and stream the answer; the caller may turn away in the middle."""
        if self._open and self.session.finished != "stop":
            self.session.read(self._pause)
        self._open = True
        self.session.read(line + self._joint)
        return self.session.write(self._tokens, self._sampling, stop=self._pause)
