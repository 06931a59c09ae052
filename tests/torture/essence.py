"""All that two runs must have in common to the bit: everything but the times that steps took."""

import json
from pathlib import Path
from typing import Any

import torch

from runnel.storage import checkpoint as checkpoints

CLOCKED = {"seconds", "tokens_per_second"}


def lines_of(out: Path) -> list[dict[str, Any]]:
    """The metrics without their times."""
    text = (out / "metrics.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    return [{k: v for k, v in line.items() if k not in CLOCKED} for line in lines]


def tensors_of(out: Path) -> dict[str, torch.Tensor]:
    """The weights, the optimizer and the generators of the last checkpoint."""
    latest = (out / "checkpoints" / "latest").read_text().strip()
    last = checkpoints.read(out / "checkpoints" / latest)
    return last.training | {f"model.{name}": tensor for name, tensor in last.model.items()}


def differing_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> int:
    """How many bits of the tensors differ; all bits of one that only one side has."""
    bits = 0
    for name in one.keys() | other.keys():
        a, b = one.get(name), other.get(name)
        if a is None or b is None or a.shape != b.shape or a.dtype != b.dtype:
            bits += sum(8 * t.nbytes for t in (a, b) if t is not None)
            continue
        a_N, b_N = (t.contiguous().reshape(-1).view(torch.uint8).numpy() for t in (a, b))
        bits += int.from_bytes((a_N ^ b_N).tobytes(), "little").bit_count()
    return bits


def differences(one: Path, other: Path) -> list[str]:
    """What is not the same in two finished runs, in a few words each; empty if all is."""
    found = []
    lines, other_lines = lines_of(one), lines_of(other)
    if lines != other_lines:
        pairs = zip(lines, other_lines, strict=False)
        first = next((a for a, b in pairs if a != b), {"step": "end"})
        found.append(
            f"metrics from step {first['step']} on ({len(lines)}, {len(other_lines)} lines)"
        )
    if bits := differing_bits(tensors_of(one), tensors_of(other)):
        found.append(f"{bits} bits of the last checkpoint")
    texts = ("model.safetensors", "samples.md")
    return found + [n for n in texts if (one / n).read_bytes() != (other / n).read_bytes()]


def orphans(out: Path) -> list[str]:
    """Files that no run leaves when it ends."""
    return [str(path.relative_to(out)) for path in out.rglob(".*")]
