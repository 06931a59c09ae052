"""Scans over parts of one array: no copies, and the same bits as over copies."""

# B batch, T time, E width of a part, G width of all parts

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from torch import Tensor

from runnel import ops
from runnel.ops import _library
from runnel.ops.parts import joined, pitch_of, split

Scan = Callable[..., tuple[Tensor, Tensor]]


def hgru(forget: Tensor, candidate: Tensor, **context: Tensor) -> tuple[Tensor, Tensor]:
    bound = torch.linspace(0, 0.9, forget.shape[-1], dtype=forget.dtype)
    return ops.hgru_scan(forget, candidate, bound, None, **context)


SCANS: dict[str, tuple[int, Scan]] = {
    "mingru": (2, ops.mingru_scan),
    "minlstm": (3, ops.minlstm_scan),
    "hgru": (2, hgru),
    "linear": (2, ops.linear_scan),
    "linear-reverse": (2, partial(ops.linear_scan, reverse=True)),
}
# Vectors whole and in part, lines that begin apart, blocks of channels, cut time, streaming.
SHAPES = [(3, 5, 9), (2, 33, 129), (1, 3, 1500), (1, 3000, 8), (2, 1024, 512)]


@pytest.fixture
def each_variant() -> Iterator[list[str | None]]:
    """The instruction sets, none without the library; afterwards it is the best again."""
    yield list(_library.variants()) or [None]
    if _library.variants():
        _library.use_variant("best")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", SCANS)
def test_parts_give_the_bits_of_copies(
    name: str,
    shape: tuple[int, int, int],
    dtype: torch.dtype,
    each_variant: list[str | None],
    seed: int,
) -> None:
    torch.manual_seed(seed)
    (B, T, E), (count, scan) = shape, SCANS[name]
    # Below one in size: a linear scan's decays are as they come.
    x = torch.rand(B, T, count * E).sub(0.5).to(dtype).requires_grad_()
    grad, reset, initial = torch.randn(shape).to(dtype), torch.rand(B, T) < 0.05, torch.randn(B, E)

    def run(parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        states, last = scan(*parts, initial_BE=initial, reset_BT=reset)
        return states, last, *torch.autograd.grad((states * grad).sum() + last.sum(), x)

    for variant in each_variant:
        if variant is not None:
            _library.use_variant(variant)
        of_parts, of_copies = (run(split(x, E)), run(tuple(p.contiguous() for p in x.split(E, -1))))
        for found, wanted in zip(of_parts, of_copies, strict=True):
            assert torch.equal(found, wanted), variant


@pytest.mark.parametrize("name", ["mingru", "minlstm", "hgru"])
def test_gradients_lie_side_by_side(name: str, seed: int) -> None:
    torch.manual_seed(seed)
    count, scan = SCANS[name]
    parts = split(torch.randn(2, 5, count * 12, requires_grad=True), 12)
    grads = torch.autograd.grad(scan(*parts)[0].sum(), parts)
    native = ops.backend_for("cpu") == "native"
    assert pitch_of(grads) == (count * 12 if native else None)
    assert joined(grads).data_ptr() == grads[0].data_ptr() or not native


@pytest.mark.parametrize(
    "choose",
    [
        lambda x: (x[..., 5:10], x[..., :5]),  # the other way round
        lambda x: (x[..., :5], x[..., 6:11]),  # a gap between them
        lambda x: (x[..., 2:7], x[..., 7:12]),  # more beside them
        lambda x: (x[..., :5], x[..., :5]),  # one twice
        lambda x: (x[:, ::2, :5], x[:, ::2, 5:10]),
        lambda x: (x.flip(1)[..., :5], x[..., 5:10]),
        lambda x: (x.transpose(0, 1)[..., :5], x.transpose(0, 1)[..., 5:10]),
        lambda x: (x[:1, :1, :5], x[:1, :1, 5:10]),
        lambda x: (x[:, :0, :5], x[:, :0, 5:10]),
    ],
)
def test_parts_that_lie_otherwise(choose: Callable[[Tensor], tuple[Tensor, ...]]) -> None:
    x = torch.randn(3, 8, 12, dtype=torch.float64, requires_grad=True)
    copies = [part.detach().clone().requires_grad_() for part in choose(x)]
    grad = torch.randn(copies[0].shape, dtype=torch.float64)
    (found,) = torch.autograd.grad(ops.mingru_scan(*choose(x))[0], x, grad)
    wanted = torch.autograd.grad(ops.mingru_scan(*copies)[0], copies, grad)
    (spread,) = torch.autograd.grad(choose(x), x, wanted)
    assert torch.equal(found, spread)
    assert torch.equal(joined(choose(x)), torch.cat(choose(x), -1))


def test_other_gradients_are_added() -> None:
    """A part that somebody else reads as well, or that nobody reads."""
    x = torch.randn(2, 6, 8, requires_grad=True)
    gate, candidate = split(x, 4)
    (found,) = torch.autograd.grad(ops.mingru_scan(gate, candidate)[0].sum() + gate.sum(), x)
    plain = [part.detach().clone().requires_grad_() for part in x.split(4, -1)]
    a, b = torch.autograd.grad(ops.mingru_scan(*plain)[0].sum(), plain)
    assert torch.allclose(found, torch.cat([a + 1, b], -1))
    (alone,) = torch.autograd.grad(split(x, 4)[1].sum(), x)
    assert torch.equal(alone, torch.cat([torch.zeros(2, 6, 4), torch.ones(2, 6, 4)], -1))


def test_a_second_backward_is_refused() -> None:
    x = torch.randn(2, 6, 8, requires_grad=True)
    (grad,) = torch.autograd.grad(ops.mingru_scan(*split(x, 4))[0].sum(), x, create_graph=True)
    if ops.backend_for("cpu") == "native":
        with pytest.raises(RuntimeError):
            grad.sum().backward()


def test_second_derivatives_see_every_part(seed: int) -> None:
    torch.manual_seed(seed)
    x = torch.randn(2, 3, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: torch.cat(split(x, 4), -1) ** 3, x)
