"""GPT-2 equals Hugging Face's on the same weights, and begins again where its positions end."""

import pytest
import torch
from torch import Tensor

from runnel.models.gpt2 import GPT2, GPT2Config

CONFIG = GPT2Config(vocab_size=97, dim=24, layers=3, heads=4, context=32)


def published(model: GPT2) -> dict[str, Tensor]:
    """Our weights under Hugging Face's names, whose matrices lie the other way round."""
    own = model.state_dict()
    found = {
        "wte.weight": own["embedding.weight"][: model.config.vocab_size],
        "wpe.weight": own["positions.weight"],
        "ln_f.weight": own["norm.weight"],
        "ln_f.bias": own["norm.bias"],
    }
    names = {
        "mixer_norm": "ln_1",
        "mixer.inputs": "attn.c_attn",
        "mixer.output": "attn.c_proj",
        "feedforward_norm": "ln_2",
        "feedforward.inputs": "mlp.c_fc",
        "feedforward.output": "mlp.c_proj",
    }
    for layer in range(model.config.layers):
        for ours, theirs in names.items():
            for kind in ("weight", "bias"):
                value = own[f"blocks.{layer}.{ours}.{kind}"]
                found[f"h.{layer}.{theirs}.{kind}"] = value.mT if value.ndim == 2 else value
    return found


def random_model() -> GPT2:
    torch.manual_seed(0)
    model = CONFIG.build().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model


def test_equals_hugging_face_on_the_same_weights() -> None:
    transformers = pytest.importorskip("transformers", reason="parity needs runnel[hub]")
    model, config = random_model(), CONFIG
    theirs = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=config.vocab_size,
            n_embd=config.dim,
            n_layer=config.layers,
            n_head=config.heads,
            n_positions=config.context,
        )
    ).eval()
    missing, surplus = theirs.transformer.load_state_dict(published(model), strict=False)
    assert (missing, surplus) == ([], [])
    tokens_BT = torch.randint(0, config.vocab_size, (2, config.context))
    with torch.no_grad():
        expected = theirs(tokens_BT).logits
        torch.testing.assert_close(model(tokens_BT)[0], expected, rtol=1e-4, atol=1e-4)
        state = model.init_state(2)
        for t in range(config.context):
            logits, state = model.step(tokens_BT[:, t], state)
            torch.testing.assert_close(logits, expected[:, t], rtol=1e-4, atol=1e-4)


def test_begins_again_where_the_learned_positions_end() -> None:
    model, context = random_model().double(), CONFIG.context
    tokens_BT = torch.randint(0, 97, (1, 2 * context + 5))
    whole = model(tokens_BT)[0]
    windows = [model(part)[0] for part in tokens_BT.split(context, dim=1)]
    torch.testing.assert_close(whole, torch.cat(windows, 1), rtol=1e-9, atol=1e-9)


def test_rows_are_padded_and_never_seen() -> None:
    model = random_model()
    assert model.embedding.weight.shape[0] == 128
    assert model(torch.zeros(1, 3, dtype=torch.int64))[0].shape == (1, 3, 97)


def test_starts_with_the_original_deviations() -> None:
    torch.manual_seed(0)
    model = GPT2Config(dim=96, layers=8).build()
    weights = dict(model.named_parameters())
    inputs, output = (weights[f"blocks.3.{n}.weight"] for n in ("mixer.inputs", "mixer.output"))
    assert inputs.std().item() == pytest.approx(0.02, rel=0.05)
    assert output.std().item() == pytest.approx(0.02 / 4, rel=0.05)
    assert weights["positions.weight"].std().item() == pytest.approx(0.02, rel=0.05)
    assert not weights["blocks.3.mixer.inputs.bias"].any()


@pytest.mark.parametrize("field", ["dim", "layers", "context", "vocab_size"])
def test_impossible_dimensions_are_refused(field: str) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        GPT2Config(**({"dim": 8, "layers": 1} | {field: 0}))
