"""A stack's step written down for the native decoder: the equations of each module's `step`."""

# D model width, E inner width

from typing import Any

import torch
from torch import Tensor, nn

from runnel.mixers.hgrn import HGRN
from runnel.mixers.mingru import MinGRU
from runnel.mixers.minlstm import MinLSTM
from runnel.models.cache import RoleCache
from runnel.models.feedforward import FeedForward
from runnel.models.model import Model
from runnel.models.norm import RMSNorm
from runnel.models.stack import Block, Stack
from runnel.ops import decoder
from runnel.ops.decoder import Makes, Vector, Writer

_ACTIVATIONS = {"gelu": Makes.GELU, "squared-relu": Makes.SQUARE_RELU}
# What is written down below; a part of another name would be left out of it.
_PARTS = {
    Stack: {"embedding", "shared", "blocks", "norm", "head", "cache"},
    Block: {
        *("mixer_norm", "feedforward_norm", "pointwise"),
        *("mixer", "feedforward", "dropout"),
    },
}


class NotNative(Exception):
    """The model has a part, a dtype or a device that the native decoder does not know."""


def write_program(model: Model[Any]) -> Writer:
    """The step of one stream; NotNative if a part of the model is not known here.

    The state is that of `model.init_state(1)`, tensor after tensor.
    """
    if not decoder.available():
        raise NotNative("the native library is not there")
    if not isinstance(model, Stack):
        raise NotNative(f"no native step for a {type(model).__name__}")
    for weight in model.parameters():
        if weight.device.type != "cpu" or weight.dtype is not torch.float32:
            raise NotNative(f"no native step for {weight.dtype} on {weight.device}")
    _know_parts(model)
    writer = Writer()
    table = model.embedding.weight
    x = writer.write(Makes.EMBEDDING, table.shape[1], width=len(table), weights=(table,))
    for block in model.blocks:
        assert isinstance(block, Block)
        _know_parts(block)
        x = _block(writer, block, x)
    y = _norm(writer, model.norm, x)
    logits = _linear(writer, model.head, y)
    if model.cache is not None:
        _cache(writer, model.cache, y, logits)
    return writer


def _know_parts(module: Stack | Block) -> None:
    unknown = {name for name, _ in module.named_children()} - _PARTS[type(module)]
    if unknown:
        raise NotNative(f"no native step for {', '.join(sorted(unknown))}")


def _block(writer: Writer, block: Block, x: Vector) -> Vector:
    # A block's state is its mixer's and then the filter's tail: the mixer's comes first.
    u, taps_KD = x, block.taps_KD
    filtered_at = writer.state + _mixer_state(block.mixer)
    if taps_KD is not None:
        mixer_at, writer.state = writer.state, filtered_at
        taps, dim = taps_KD.shape
        u = writer.write(
            *(Makes.SHORT_FILTER, dim, u),
            width=taps,
            state=(taps - 1) * dim,
            weights=(taps_KD,),
        )
        block_end, writer.state = writer.state, mixer_at
    if isinstance(block.pointwise, nn.Linear):
        u = _linear(writer, block.pointwise, u)
    if block.residual:
        x = u = writer.write(Makes.SUM, x.count, x, u)
    y = _mixer(writer, block.mixer, _norm(writer, block.mixer_norm, u))
    assert writer.state == filtered_at
    if taps_KD is not None:
        writer.state = block_end
    x = writer.write(Makes.SUM, x.count, x, y)
    y = _feedforward(writer, block.feedforward, _norm(writer, block.feedforward_norm, x))
    return writer.write(Makes.SUM, x.count, x, y)


def _mixer_state(mixer: nn.Module) -> int:
    if isinstance(mixer, (MinGRU, MinLSTM)):
        return mixer.inner
    if isinstance(mixer, HGRN):
        return mixer.inner * mixer.parts
    raise NotNative(f"no native step for a {type(mixer).__name__}")


def _mixer(writer: Writer, mixer: nn.Module, x: Vector) -> Vector:
    if isinstance(mixer, HGRN):
        return _hgrn(writer, mixer, x)
    assert isinstance(mixer, (MinGRU, MinLSTM))
    makes = Makes.MINGRU_STEP if isinstance(mixer, MinGRU) else Makes.MINLSTM_STEP
    gates = _linear(writer, mixer.inputs, x)
    plain = int(mixer.config.candidate == "plain")
    h = writer.write(makes, mixer.inner, gates, width=plain, state=mixer.inner)
    return _linear(writer, mixer.output, h) if isinstance(mixer.output, nn.Linear) else h


def _hgrn(writer: Writer, mixer: HGRN, x: Vector) -> Vector:
    wide = mixer.parts * mixer.inner
    projected = _linear(writer, mixer.inputs, x)
    forget_and_candidate = projected.part(0, mixer.inner + wide)
    gate = projected.part(mixer.inner + wide, wide)
    turn: tuple[Tensor | None, ...] = (None, None)
    if mixer.theta_E is not None:
        turn = (torch.cos(mixer.theta_E), torch.sin(mixer.theta_E))
    h = writer.write(
        *(Makes.HGRU_STEP, wide, forget_and_candidate),
        state=wide,
        weights=(mixer.lower_bound(), *turn),
    )
    if mixer.config.order == "gate-then-norm":
        read = _norm(writer, mixer.norm, writer.write(Makes.SILU_TIMES, wide, gate, h))
    else:
        normed = _norm(writer, mixer.norm, h)
        read = writer.write(Makes.SILU_TIMES, wide, gate, normed)
    return _linear(writer, mixer.output, read)


def _cache(writer: Writer, cache: RoleCache, y: Vector, logits: Vector) -> Vector:
    layers = [layer for layer in (cache.gate, cache.share) if layer is not None]
    weight, bias = (torch.cat([getattr(layer, n) for layer in layers]) for n in ("weight", "bias"))
    return writer.write(
        *(Makes.ROLE_CACHE, logits.count, logits, writer.product(y, weight, bias)),
        width=cache.roles,
        state=cache.roles * logits.count,
        weights=(cache.keep(), cache.weight()),
    )


def _feedforward(writer: Writer, part: FeedForward, x: Vector) -> Vector:
    u = _linear(writer, part.inputs, x)
    hidden = part.output.in_features
    if part.kind == "gated":
        a = writer.write(Makes.SILU_TIMES, hidden, u.part(0, hidden), u.part(hidden, hidden))
    elif part.kind in _ACTIVATIONS:
        a = writer.write(_ACTIVATIONS[part.kind], hidden, u)
    else:
        raise NotNative(f"no native step for a feed-forward part of kind {part.kind}")
    return _linear(writer, part.output, a)


def _norm(writer: Writer, norm: nn.Module, x: Vector) -> Vector:
    if isinstance(norm, (RMSNorm, nn.RMSNorm)):
        assert norm.eps is not None
        return writer.write(Makes.RMS_NORM, x.count, x, eps=norm.eps, weights=(norm.weight,))
    assert isinstance(norm, nn.LayerNorm)
    weights = (norm.weight, norm.bias)
    return writer.write(Makes.LAYER_NORM, x.count, x, eps=norm.eps, weights=weights)


def _linear(writer: Writer, layer: nn.Linear, x: Vector) -> Vector:
    return writer.product(x, layer.weight, layer.bias)
