"""Kernels that repeat to the bit: what `training.deterministic` asks of a GPU."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from runnel.errors import InputError


@contextmanager
def deterministic(wanted: bool, device: torch.device) -> Iterator[None]:
    """Within this context a GPU's kernels are such that the same inputs give the same bits.

    A CPU's always are. Our own kernels and the order of data are deterministic anyway; this is for
    torch's. InputError where a model needs a kernel of which there is none.
    """
    if not wanted or device.type == "cpu":
        yield
        return
    # Read by cuBLAS when it first multiplies: products that share a workspace are added in the
    # order in which they happen to end.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        raise InputError(
            "expected a model whose kernels all repeat to the bit, because of "
            f"training.deterministic; got {str(error).partition('.')[0]}; leave that out"
        ) from error
    finally:
        torch.use_deterministic_algorithms(before)
        torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
