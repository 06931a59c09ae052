"""Decoding, one stream: seconds per token after prompts of growing length."""

from typing import Any

import torch
from torch import Tensor

from runnel.bench.measure import copy_gb_per_s, in_turns, machine, matmul_gflops
from runnel.models.model import Model

POSITIONS = (10, 100, 1_000, 10_000)
_BURST = 20


def measure(model: Model[Any], name: str, positions: tuple[int, ...] = POSITIONS) -> dict[str, Any]:
    """Time bursts of single steps after prompts of each length, in turns.

    `ratio_to_ours` is the time against that after the shortest prompt: 1 says that the cost of a
    token does not depend on its position.
    """
    model.eval()
    contestants = {str(p): _burst(model, p) for p in positions}
    timings = in_turns(contestants, rounds=15, warmup=3)
    first = timings[str(positions[0])].median
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    copy = copy_gb_per_s()
    rows = [
        {
            "name": f"{name} after {position:,} tokens",
            "peer": None,
            "shape": {"batch": 1, "position": position},
            "dtype": "float32",
            "seconds": timings[str(position)].median / _BURST,
            "spread": [timings[str(position)].low / _BURST, timings[str(position)].high / _BURST],
            "ratio_to_ours": timings[str(position)].median / first,
            "fraction_of_bound": weights / (copy * 1e9) / (timings[str(position)].median / _BURST),
            "peak_bytes": None,
        }
        for position in positions
    ]
    bounds = {
        "copy_gb_per_s": copy,
        "matmul_gflop_per_s": {"float32": matmul_gflops(torch.float32)},
    }
    return {"machine": machine(), "bounds": bounds, "rows": rows}


def _burst(model: Model[Any], position: int) -> Any:
    generator = torch.Generator().manual_seed(0)
    vocabulary = model.config.vocab_size
    prompt_BT = torch.randint(0, vocabulary, (1, position), generator=generator)
    with torch.inference_mode():
        state = None
        for chunk_BT in prompt_BT.split(1024, dim=1):
            _, state = model(chunk_BT, state)
    token_B = torch.zeros(1, dtype=torch.int64)

    def burst() -> Tensor:
        after = state
        with torch.inference_mode():
            for _ in range(_BURST):
                logits_BV, after = model.step(token_B, after)
        return logits_BV

    return burst
