"""The GPU's kernels through Triton's compiler, for an H100, on a machine that needs no GPU.

`python -m ops.compile_for_gpu SCAN...` prints a line of JSON for each kernel: its registers, and
the bytes that it spills. The interpreter, which other tests use, lets much pass that a compiler
does not. Not to be imported where TRITON_INTERPRET is set.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from runnel.ops import _triton_kernels, _triton_walk
from runnel.ops._scan_op import CODES, HGRU, LINEAR, MINLSTM
from runnel.ops._triton_shapes import CANDIDATES, Shape

_NUMBERS = ("first", "second", "third", "states", "grad_states", "d_first", "d_second", "d_third")
_SIZES = ("T", "E", "R", "span")


def compiled(kernel: Any, shape: Shape, op: int, *, resets: bool, summary: bool) -> Any:
    """A kernel for real bfloat16 numbers, with all that the flags let it have."""
    backward = kernel.__name__ == "backward"
    flags: dict[str, Any] = {
        "OP": op,
        "COMPLEX": False,
        "DECAY_COMPLEX": False,
        "REVERSE": False,
        "ENTERS": True,
        "INITIAL": True,
        "RESETS": resets,
        "HGRU": op == HGRU,
        "SUMMARY": summary,
        "FROM_STATES": True,
        "FROM_LAST": True,
        "dtype": tl.float32,
        "BT": shape.positions,
        "BE": shape.channels,
        "STAGES": shape.stages,
        "AHEAD": shape.at_once(backward=backward, sequences=3 if op == MINLSTM else 2),
    }
    absent = {"cosine", "sine", "d_theta"}
    absent |= set() if resets else {"reset"}
    absent |= set() if op == MINLSTM else {"third", "d_third"}
    absent |= set() if op == HGRU else {"lower", "d_lower"}
    absent |= {"second"} if op == LINEAR and backward else set()
    absent |= {"states"} if summary else {"product", "ends"}
    if summary and backward:
        absent |= {"d_first", "d_second", "d_third", "d_lower", "d_initial"}
    constants = flags | dict.fromkeys(absent)
    signature, values, aligned = {}, {}, {}
    for place, name in enumerate(kernel.arg_names):
        if name in constants:
            signature[name], values[(place,)] = "constexpr", constants[name]
            continue
        kind = "*bf16" if name in _NUMBERS else "*i8" if name == "reset" else "*fp32"
        signature[name] = "i32" if name in _SIZES else kind
        if name not in _SIZES or name == "E":
            aligned[(place,)] = [["tt.divisibility", 16]]
    source = ASTSource(kernel, signature, constexprs=values, attrs=aligned)
    return triton.compile(
        source, target=GPUTarget("cuda", 90, 32), options={"num_warps": shape.warps}
    )


def resources(made: Any) -> tuple[int, int]:
    """Registers of a thread, and bytes that did not fit into them."""
    tools = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(made.asm["cubin"])
        file.flush()
        words = [str(tools / "cuobjdump"), "-res-usage", file.name]
        told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+)", told)
    assert found is not None, told
    return int(found[1]), int(found[2])


def cases(scans: list[str]) -> Iterator[dict[str, Any]]:
    """Every candidate's kernels of some scans."""
    shapes = dict.fromkeys(shape for row in CANDIDATES.values() for shape in row)
    for scan in scans:
        for shape in shapes:
            module = _triton_walk if shape.walks else _triton_kernels
            for kernel in (module.forward, module.backward):
                for resets, summary in ((False, False), (True, True)):
                    made = compiled(kernel, shape, CODES[scan], resets=resets, summary=summary)
                    registers, spilled = resources(made)
                    yield {
                        "scan": scan,
                        "shape": str(shape),
                        "kernel": kernel.__name__,
                        "summary": summary,
                        "registers": registers,
                        "spilled": spilled,
                    }


if __name__ == "__main__":
    for line in cases(sys.argv[1:]):
        print(json.dumps(line), flush=True)
