"""The door of the ops: shapes, dtypes and devices that do not fit are refused with a reason."""

# B batch, T time, E inner width

import torch
from torch import Tensor

_ACCUMULATION = {
    torch.float32: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float16: torch.float32,
    torch.float64: torch.float64,
    torch.complex64: torch.complex64,
    torch.complex128: torch.complex128,
}
_REAL_PART = {torch.complex64: torch.float32, torch.complex128: torch.float64}
_COMPLEX = {real: complex_ for complex_, real in _REAL_PART.items()}


def accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype in which a recurrence over inputs of `dtype` keeps its state."""
    return _ACCUMULATION[dtype]


def real_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype of the real part of a state that is kept in `dtype`."""
    return _REAL_PART.get(dtype, dtype)


def complex_dtype(dtype: torch.dtype) -> torch.dtype:
    """The complex dtype whose real part is `dtype`; `dtype.to_complex()` would not compile."""
    return _COMPLEX[dtype]


def _fail(op: str, name: str, expected: str, got: object, remedy: str) -> None:
    raise ValueError(f"{op}: expected {name} {expected}; got {got}; {remedy}")


def check_sequence(op: str, name: str, x: Tensor) -> None:
    """The tensor that the others are compared with: three dimensions, a float dtype."""
    if x.dim() != 3:
        _fail(op, name, "of shape (B, T, E)", tuple(x.shape), "add or remove dimensions")
    if x.dtype not in _ACCUMULATION:
        _fail(op, name, "of a float or complex dtype", x.dtype, "convert it")


def check_real(op: str, name: str, x: Tensor) -> None:
    """Gates before their sigmoid are real."""
    if x.is_complex():
        _fail(op, name, "to be real", x.dtype, "pass its real part")


def check_same(op: str, name: str, x: Tensor, like_name: str, like: Tensor) -> None:
    """Same shape, device and dtype as the tensor that came first."""
    check_placed(op, name, x, tuple(like.shape), like_name, like)
    if x.dtype != like.dtype:
        _fail(op, name, f"of dtype {like.dtype} as {like_name}", x.dtype, "convert one of them")


def check_placed(
    op: str, name: str, x: Tensor, shape: tuple[int, ...], like_name: str, like: Tensor
) -> None:
    """A shape that follows from another tensor's, on that tensor's device."""
    if tuple(x.shape) != shape:
        _fail(
            op,
            name,
            f"of shape {shape} to fit {like_name}",
            tuple(x.shape),
            "make the shapes agree",
        )
    if x.device != like.device:
        _fail(op, name, f"on {like.device} as {like_name}", x.device, "move one of them")


def check_one_of(op: str, name: str, x: Tensor, dtypes: tuple[torch.dtype, ...]) -> None:
    """A dtype from a short list."""
    if x.dtype not in dtypes:
        wanted = " or ".join(dict.fromkeys(str(dtype) for dtype in dtypes))
        _fail(op, name, f"of dtype {wanted}", x.dtype, "convert it")


def check_context(
    op: str, initial_BE: Tensor | None, reset_BT: Tensor | None, name: str, like: Tensor
) -> None:
    """The initial state and the resets that go with a sequence of inputs."""
    B, T, E = like.shape
    if initial_BE is not None:
        check_placed(op, "initial_BE", initial_BE, (B, E), name, like)
        check_one_of(op, "initial_BE", initial_BE, (like.dtype, accumulation_dtype(like.dtype)))
    if reset_BT is not None:
        check_placed(op, "reset_BT", reset_BT, (B, T), name, like)
        check_one_of(op, "reset_BT", reset_BT, (torch.bool,))
