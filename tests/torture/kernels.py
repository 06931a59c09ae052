"""Random shapes through the native kernels, to be run where a sanitizer watches every access.

`python -m torture.kernels SECONDS SEED`: a line of JSON with the calls made is the last of its
output. Sizes lie around those at which loops change: vectors, blocks, cuts in time.
"""

import json
import random
import sys
import time
from collections import Counter

import torch
from torch import Tensor

from ops import fused_cases, scan_cases
from runnel.inference.engine import Native, stepper_for
from runnel.mixers import MIXERS
from runnel.models.stack import BlockConfig, StackConfig
from runnel.ops import _fused_native, _library, _native
from runnel.ops.gru_memory import CellWeights, gru_memory_scan
from runnel.ops.parts import split

_EDGES = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129)


def _size(dice: random.Random, most: int) -> int:
    return min(most, dice.choice([*_EDGES, dice.randint(1, most)]))


def _shape(dice: random.Random, most: int = 60_000) -> tuple[int, int, int]:
    """Batch, time and width of at most so many numbers; one of them may be none."""
    batch, width = _size(dice, 9), _size(dice, 600)
    time_ = _size(dice, max(1, most // (batch * width)))
    return batch, 0 if dice.random() < 0.03 else time_, width


def scan(dice: random.Random) -> str:
    """A recurrence forward and backward."""
    case = dice.choice(sorted(scan_cases.CASES))
    kinds = [torch.float32, torch.float64]
    if scan_cases.CASES[case].bfloat16:
        kinds.append(torch.bfloat16)
    share = dice.choice([0.0, 0.01, 0.3, 1.0])
    trial = scan_cases.Trial(
        case, *_shape(dice), dice.choice(kinds), dice.randrange(2**31), reset_share=share
    )
    strided = dice.random() < 0.3

    def change(x: Tensor) -> Tensor:
        return x.transpose(0, -1).contiguous().transpose(0, -1) if strided and x.dim() > 1 else x

    scan_cases.results(_native, trial, change)
    return case


def parts(dice: random.Random) -> str:
    """A recurrence over parts of one array: the bits of one over copies of them."""
    (batch, time_, width), count = _shape(dice), dice.choice([2, 3])
    wider = count * width + dice.choice([0, 0, 1, 5, 32])
    run = _native.mingru_scan if count == 2 else _native.minlstm_scan
    x = torch.randn(batch, time_, wider).to(dice.choice([torch.float32, torch.bfloat16]))
    x.requires_grad_()
    found = []
    for copied in (False, True):
        given = split(x[..., : count * width], width)
        states, last = run(*(part.contiguous() if copied else part for part in given))
        grad = torch.ones_like(states)
        found.append([states, last, *torch.autograd.grad(states, x, grad)])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True)), (batch, time_, width)
    return "parts"


def fused(dice: random.Random) -> str:
    """A pass around the scan, forward and backward."""
    op = dice.choice(fused_cases.OPS)
    dtype = dice.choice([torch.float32, torch.float64, torch.bfloat16])
    batch, time_, width = _shape(dice)
    resets = dice.choice([None, 0.0, 0.2, 1.0])
    seed, taps = dice.randrange(2**31), dice.randint(1, 9)
    given = fused_cases.inputs(op, batch, max(1, time_), width, dtype, seed, taps, resets)
    if "bias_D" in given and dice.random() < 0.3:
        given = fused_cases.without_bias(given)
    fused_cases.results(_fused_native, op, given, seed)
    return op


def decode(dice: random.Random) -> str:
    """A small model of any mixer that has a native step, some tokens long."""
    name = dice.choice(["mingru", "minlstm", "hgrn", *sorted(MIXERS)])
    dim = dice.choice([12, 24, 36, 60]) if name not in ("mingru", "minlstm", "hgrn") else None
    dim = dim or _size(dice, 140)
    block = BlockConfig(
        convolution=dice.choice([0, 1, 3, 4]),
        norm=dice.choice(["rms", "layer"]),
        feedforward=dice.choice(["gelu", "squared-relu", "gated"]),
        expansion=dice.choice([0.7, 1.3, 2.0]),
    )
    config = StackConfig(
        dim=dim,
        layers=dice.randint(1, 3),
        vocab_size=_size(dice, 300),
        mixers=(MIXERS[name](dim=dim),),
        block=block,
        cache=dice.choice([0, 0, 1, 2, 3]),
    )
    model = config.build().eval()
    stepper = stepper_for(model, dice.choice([torch.float32, torch.bfloat16]))
    state = stepper.enter(model.init_state(1))
    for _ in range(dice.randint(1, 6)):
        _, state = stepper.step(dice.randrange(config.vocab_size), state)
    stepper.leave(state)
    return f"{'native' if isinstance(stepper, Native) else 'plain'} {name}"


def memory(dice: random.Random) -> str:
    """The recurrence with memory."""
    batch, time_, width = _shape(dice, 3000)
    weights = CellWeights(
        torch.randn(3 * width, width),
        torch.randn(3 * width),
        torch.randn(3 * width, width),
        torch.randn(width + 1, width),
        torch.randn(width + 1),
    )
    gates = torch.randn(batch, time_, 3 * width, requires_grad=True)
    zeros = torch.zeros(batch, width)
    h_BTD, _ = gru_memory_scan(gates, weights, zeros, zeros, None)
    h_BTD.sum().backward()
    return "gru_memory"


def main() -> None:
    """Call until the time is over."""
    seconds, seed = float(sys.argv[1]), sys.argv[2]
    dice, calls = random.Random(seed), Counter[str]()
    end, number = time.monotonic() + seconds, 0
    if not _library.variants():
        raise SystemExit(f"no native library: {_library.unavailable_reason()}")
    while time.monotonic() < end:
        number += 1
        torch.set_num_threads(dice.choice([1, 1, 2, 3]))
        variant = dice.choice(_library.variants())
        _library.use_variant(variant)
        torch.manual_seed(number)
        kind = dice.choice([scan, scan, parts, fused, fused, decode, memory])
        print(f"{number} {variant} {kind.__name__}", file=sys.stderr)
        calls[kind(dice)] += 1
    print(json.dumps(calls))


if __name__ == "__main__":
    main()
