"""Reading and writing with a trained model: sampling, sessions, generation, evaluation."""

from runnel.inference.conversation import Conversation
from runnel.inference.evaluate import Evaluation, evaluate
from runnel.inference.generate import generate, stream
from runnel.inference.positions import PositionLoss, loss_by_position
from runnel.inference.sampling import Sampling, pick
from runnel.inference.session import Session

__all__ = [
    "Conversation",
    "Evaluation",
    "PositionLoss",
    "Sampling",
    "Session",
    "evaluate",
    "generate",
    "loss_by_position",
    "pick",
    "stream",
]
