"""A text of any length is judged in the memory of a short one, the state carried through it."""

import subprocess
import sys
from pathlib import Path

import numpy as np

_SCRIPT = """
import resource, sys
import numpy as np
import torch
from runnel.data.tokenizers import ByteTokenizer
from runnel.inference import evaluate
from runnel.mixers import MIXERS
from runnel.models.stack import StackConfig

torch.set_num_threads(1)
torch.manual_seed(0)
model = StackConfig(dim=8, layers=1, mixers=(MIXERS["mingru"](dim=8),)).build().eval()
text = np.memmap(sys.argv[1], dtype=np.uint16, mode="r")
for tokens in (10_000, 1_000_000):
    found = evaluate(model, text[: tokens + 1], ByteTokenizer(), length=4096)
    assert found.tokens == tokens
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_a_million_tokens_take_the_memory_of_ten_thousand(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    letters_N = np.random.default_rng(0).integers(97, 123, 1_000_001).astype(np.uint16)
    letters_N[0] = 0  # one document
    letters_N.tofile(path)
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(path)], capture_output=True, text=True, check=True
    )
    short, long = map(int, done.stdout.split())  # kB
    # The mapped text itself is 2 MB; one number kept for each token would add 4 to 8 more.
    assert long - short < 5000
