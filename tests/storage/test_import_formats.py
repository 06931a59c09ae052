"""Importers of minRNNs and of flash-linear-attention's HGRN, against the equations in float64."""

# B batch, T time, D model width, E inner width, F hidden width, V vocabulary

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from runnel.data.tokenizers.merges import SYMBOLS
from runnel.errors import InputError
from runnel.storage.imports import FORMATS, import_weights
from runnel.storage.load import load_model

DIM, LAYERS, INNER, HIDDEN, VOCAB = 12, 3, 18, 16, 11
LETTERS = "abcdefghijk"

Weights = dict[str, Tensor]


def draw(shapes: dict[str, tuple[int, ...]]) -> Weights:
    torch.manual_seed(3)
    return {
        name: 0.3 * torch.randn(shape) + float("norm.weight" in name)
        for name, shape in shapes.items()
    }


def g(u: Tensor) -> Tensor:
    return torch.where(u >= 0, u + 0.5, torch.sigmoid(u))


def rms(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * gain


# What the formats call their parts, read off the releases' own state dictionaries.


def minrnns(
    *, lstm: bool = False, taps: int = 4, channels: bool = True, start: bool = True, out: int = 9
) -> Weights:
    gates = 3 if lstm else 2
    shapes: dict[str, tuple[int, ...]] = {"token_emb.weight": (VOCAB, DIM)}
    for i in range(LAYERS):
        layer = f"layers.{i}"
        if taps:
            shapes |= {f"{layer}.0.net.0.weight": (DIM, 1, taps), f"{layer}.0.net.0.bias": (DIM,)}
            shapes |= {f"{layer}.0.net.1.weight": (DIM, DIM, 1), f"{layer}.0.net.1.bias": (DIM,)}
        if start:
            shapes[f"{layer}.2.init_hidden_state"] = (INNER,)
        shapes |= {
            f"{layer}.1.gamma": (DIM,),
            f"{layer}.2.to_hidden_and_gate.weight": (gates * INNER, DIM),
            f"{layer}.2.to_hidden_and_gate.bias": (gates * INNER,),
            f"{layer}.2.to_out.weight": (DIM, INNER),
            f"{layer}.2.to_out.bias": (DIM,),
            f"{layer}.3.gamma": (DIM,),
        }
        if channels:
            shapes |= {f"{layer}.4.0.weight": (2 * HIDDEN, DIM), f"{layer}.4.0.bias": (2 * HIDDEN,)}
            shapes |= {f"{layer}.4.2.weight": (DIM, HIDDEN), f"{layer}.4.2.bias": (DIM,)}
            shapes[f"{layer}.4.1.mult_bias"] = (HIDDEN,)
    return draw(shapes | {"norm.gamma": (DIM,), "to_out.weight": (out, DIM)})


def minrnns_logits(weights: Weights, tokens_BT: Tensor) -> Tensor:
    """One position after another, as the paper has it; gates of a minLSTM divided by their sum."""
    w = {name: part.double() for name, part in weights.items()}
    x = w["token_emb.weight"][tokens_BT]
    for i in range(LAYERS):
        p = {n.removeprefix(f"layers.{i}."): v for n, v in w.items() if n.startswith(f"layers.{i}")}
        if "0.net.0.weight" in p:
            taps = p["0.net.0.weight"].shape[2]
            u = F.conv1d(
                F.pad(x.mT, (taps - 1, 0)), p["0.net.0.weight"], p["0.net.0.bias"], groups=DIM
            )
            x = x + F.conv1d(u, p["0.net.1.weight"], p["0.net.1.bias"]).mT
        u = rms(x, 1 + p["1.gamma"], 0.0)
        parts = F.linear(u, p["2.to_hidden_and_gate.weight"], p["2.to_hidden_and_gate.bias"])
        candidate, *gates = parts.split(INNER, dim=-1)
        share = torch.sigmoid(gates[0])
        if len(gates) == 2:
            share = torch.sigmoid(gates[1]) / (share + torch.sigmoid(gates[1]))
        h = g(p["2.init_hidden_state"]) if "2.init_hidden_state" in p else x.new_zeros(INNER)
        states = []
        for t in range(x.shape[1]):
            h = (1 - share[:, t]) * h + share[:, t] * g(candidate[:, t])
            states.append(h)
        x = x + F.linear(torch.stack(states, 1), p["2.to_out.weight"], p["2.to_out.bias"])
        if "4.0.weight" in p:
            u = F.linear(rms(x, 1 + p["3.gamma"], 0.0), p["4.0.weight"], p["4.0.bias"])
            value, gate = u.chunk(2, dim=-1)
            a = F.gelu(gate) * value * p["4.1.mult_bias"]
            x = x + F.linear(a, p["4.2.weight"], p["4.2.bias"])
    return F.linear(rms(x, 1 + w["norm.gamma"], 0.0), w["to_out.weight"])


def hgrn(tied: bool = False, vocabulary: int = VOCAB) -> Weights:
    shapes: dict[str, tuple[int, ...]] = {
        "model.lower_bounds": (LAYERS, INNER),
        "model.embeddings.weight": (vocabulary, DIM),
        "model.norm.weight": (DIM,),
    }
    for i in range(LAYERS):
        layer = f"model.layers.{i}"
        shapes |= {f"{layer}.attn.{name}_proj.weight": (INNER, DIM) for name in "ifg"}
        shapes |= {f"{layer}.mlp.{name}_proj.weight": (HIDDEN, DIM) for name in ("gate", "up")}
        shapes |= {
            f"{layer}.attn.o_proj.weight": (DIM, INNER),
            f"{layer}.attn.g_norm.weight": (INNER,),
            f"{layer}.attn_norm.weight": (DIM,),
            f"{layer}.mlp_norm.weight": (DIM,),
            f"{layer}.mlp.down_proj.weight": (DIM, HIDDEN),
        }
    return draw(shapes | ({} if tied else {"lm_head.weight": (vocabulary, DIM)}))


def hgrn_logits(weights: Weights, tokens_BT: Tensor) -> Tensor:
    """Bounds rise from zero by the softmax over layers, without its first."""
    w = {name.removeprefix("model."): part.double() for name, part in weights.items()}
    x, eps = w["embeddings.weight"][tokens_BT], 1e-6
    share_LE = torch.softmax(w["lower_bounds"], 0)
    for i in range(LAYERS):
        start = f"layers.{i}."
        p = {n.removeprefix(start): v for n, v in w.items() if n.startswith(start)}
        bound_E = share_LE[1 : i + 1].sum(0)
        u = rms(x, p["attn_norm.weight"], eps)
        decay = bound_E + (1 - bound_E) * torch.sigmoid(u @ p["attn.f_proj.weight"].T)
        added = F.silu(u @ p["attn.i_proj.weight"].T) * (1 - decay)
        h, states = x.new_zeros(INNER), []
        for t in range(x.shape[1]):
            h = decay[:, t] * h + added[:, t]
            states.append(h)
        gate = F.silu(u @ p["attn.g_proj.weight"].T)
        y = rms(torch.stack(states, 1), p["attn.g_norm.weight"], eps) * gate
        x = x + y @ p["attn.o_proj.weight"].T
        u = rms(x, p["mlp_norm.weight"], eps)
        a = F.silu(u @ p["mlp.gate_proj.weight"].T) * (u @ p["mlp.up_proj.weight"].T)
        x = x + a @ p["mlp.down_proj.weight"].T
    head = w.get("lm_head.weight", w["embeddings.weight"])
    return rms(x, w["norm.weight"], eps) @ head.T


def imported(tmp_path: Path, weights: Weights, name: str, **told: Any) -> Any:
    torch.save(weights, tmp_path / "theirs.pt")
    told = {"tokenizer": f"char:{LETTERS}"} | told
    import_weights(tmp_path / "theirs.pt", name, tmp_path / "run", **told)
    return load_model(tmp_path / "run").double()


SHAPES: list[dict[str, Any]] = [
    {},
    {"lstm": True},
    {"taps": 0, "channels": False, "start": False, "out": VOCAB},
    {"taps": 1, "lstm": True, "channels": False},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_minrnns_computes_the_same(tmp_path: Path, shape: dict[str, Any]) -> None:
    weights = minrnns(**shape)
    model = imported(tmp_path, weights, "minrnns", normalized=shape.get("lstm", False))
    tokens_BT = torch.randint(0, VOCAB, (2, 33))
    logits = model(tokens_BT + 1)[0]
    written = len(weights["to_out.weight"])
    torch.testing.assert_close(
        logits[..., 1 : written + 1], minrnns_logits(weights, tokens_BT), rtol=1e-5, atol=1e-5
    )
    silent = [0, *range(written + 1, VOCAB + 1)]
    assert logits.softmax(-1)[..., silent].max() < 1e-300
    assert model.tokenizer.decode(tokens_BT[0] + 1) == "".join(LETTERS[i] for i in tokens_BT[0])


@pytest.mark.parametrize("tied", [False, True])
def test_hgrn_computes_the_same(tmp_path: Path, tied: bool) -> None:
    weights = hgrn(tied)
    model = imported(tmp_path, weights, "hgrn")
    tokens_BT = torch.randint(0, VOCAB, (2, 33))
    expected = hgrn_logits(weights, tokens_BT)
    torch.testing.assert_close(model(tokens_BT + 1)[0][..., 1:], expected, rtol=1e-5, atol=1e-5)


def gpt2_folder(path: Path) -> Path:
    """GPT-2's form with three merges: 260 tokens with the end of a text."""
    path.mkdir()
    merges = [("t", "h"), ("th", "e"), ("a", "n")]
    names = [*SYMBOLS, *("".join(pair) for pair in merges), "<|endoftext|>"]
    (path / "encoder.json").write_text(json.dumps({name: i for i, name in enumerate(names)}))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges), ""]
    (path / "vocab.bpe").write_text("\n".join(lines), encoding="utf-8")
    return path


def test_byte_pairs_may_be_padded(tmp_path: Path) -> None:
    folder = gpt2_folder(tmp_path / "gpt2")
    weights = hgrn(vocabulary=272)
    model = imported(tmp_path, weights, "hgrn", tokenizer=f"gpt2:{folder}")
    assert model.config.vocab_size == 260
    tokens = model.tokenizer.encode("the man")
    tokens_1T = torch.tensor(tokens.tolist())[None]
    expected = hgrn_logits(weights, tokens_1T)[..., :260]
    torch.testing.assert_close(model(tokens_1T)[0], expected, rtol=1e-5, atol=1e-5)


def odd_files() -> Iterator[Any]:
    for name, make, norm in (("minrnns", minrnns, "norm.gamma"), ("hgrn", hgrn, "model.norm")):
        for kind in ("missing", "surplus", "shape", "layer", "text", "vocabulary", "untold"):
            yield pytest.param(name, make, norm, kind, id=f"{name}-{kind}")


@pytest.mark.parametrize(("name", "make", "norm", "kind"), list(odd_files()))
def test_odd_files_are_refused(tmp_path: Path, name: str, make: Any, norm: str, kind: str) -> None:
    weights: dict[str, Any] = make()
    (last,) = (n for n in weights if n.startswith(norm))
    told: dict[str, Any] = {"tokenizer": f"char:{LETTERS}"}
    expected = last
    match kind:
        case "missing":
            del weights[last]
        case "surplus":
            expected = "zz.extra"
            weights[expected] = torch.zeros(1)
        case "shape":
            weights[last] = torch.zeros(DIM + 1)
        case "layer":  # the second of three layers loses a matrix
            expected = next(n for n in weights if "layers.1." in n and "norm" not in n)
            del weights[expected]
        case "text":
            weights["note"] = "hello"
            expected = "note"
        case "vocabulary":
            told["tokenizer"], expected = "byte", "256 tokens"
        case "untold":
            told, expected = {}, "--tokenizer"
    torch.save(weights, tmp_path / "odd.pt")
    with pytest.raises(InputError, match=r"odd\.pt") as caught:
        import_weights(tmp_path / "odd.pt", name, tmp_path / "run", **told)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_what_a_file_cannot_say_is_asked_for(tmp_path: Path) -> None:
    def refused(weights: Weights, name: str, match: str, **told: Any) -> None:
        torch.save(weights, tmp_path / "odd.pt")
        with pytest.raises(InputError, match=match):
            import_weights(tmp_path / "odd.pt", name, tmp_path / "run", **told)

    letters = f"char:{LETTERS}"
    refused(minrnns(lstm=True), "minrnns", "--normalized", tokenizer=letters)
    refused(minrnns(out=VOCAB + 1), "minrnns", "rows", tokenizer=letters)
    refused(hgrn(), "hgrn", "expected no --normalized", tokenizer=letters, normalized=True)
    refused(hgrn(), "tinystoriesgru", "expected no --tokenizer", tokenizer=letters)
    for name in ("char", "bpe:300", "word", "char:aa"):
        refused(hgrn(), "hgrn", "expected", tokenizer=name)
    batch_norm = minrnns() | {"norm.norm.running_mean": torch.zeros(DIM)}
    refused(batch_norm, "minrnns", "BatchNorm", tokenizer=letters)
    short = hgrn() | {"model.layers.0.attn.f_conv1d.weight": torch.zeros(INNER, 1, 4)}
    refused(short, "hgrn", "short convolutions", tokenizer=letters)
    assert sorted(FORMATS) == ["hgrn", "mingru-pytorch", "minrnns", "tinystoriesgru"]
