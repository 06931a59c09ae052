"""rglru against the recurrent block of transformers' RecurrentGemma, on the same weights."""

import warnings

import pytest
import torch

from runnel.mixers.rglru import RGLRUConfig

DIM, INNER, BLOCKS = 16, 24, 4


@pytest.mark.parametrize("length", [1, 2, 70])
def test_equals_the_recurrent_block_of_transformers(length: int) -> None:
    pytest.importorskip("transformers", reason="the extra bench has the implementation beside ours")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import RecurrentGemmaConfig
        from transformers.models.recurrent_gemma import modeling_recurrent_gemma as released
    torch.manual_seed(2)
    config = RecurrentGemmaConfig(hidden_size=DIM, lru_width=INNER, num_attention_heads=BLOCKS)
    theirs = released.RecurrentGemmaRecurrentBlock(config, layer_idx=0)
    ours = RGLRUConfig(dim=DIM, expansion=INNER / DIM, blocks=BLOCKS).build()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_(std=0.5)
        w = theirs.state_dict()
        gates = [w[f"rg_lru.{g}_gate_weight"] for g in ("recurrent", "input")]
        biases = [w[f"rg_lru.{g}_gate_bias"] for g in ("recurrent", "input")]
        ours.load_state_dict(
            {
                "inputs.weight": torch.cat([w["linear_x.weight"], w["linear_y.weight"]]),
                "inputs.bias": torch.cat([w["linear_x.bias"], w["linear_y.bias"]]),
                "taps_KE": w["conv_1d.weight"].squeeze(1).flip(-1).T,
                "taps_bias_E": w["conv_1d.bias"],
                "gates_GWV": torch.cat(gates, dim=-1),
                "gates_bias_GV": torch.cat(biases, dim=-1),
                "rate_E": w["rg_lru.recurrent_param"],
                "output.weight": w["linear_out.weight"],
                "output.bias": w["linear_out.bias"],
            }
        )
    x_BTD = torch.randn(2, length, DIM)
    # From place 1 on: at place 0 the released code leaves out a root that the paper has.
    places_BT = torch.arange(1, length + 1).expand(2, -1)
    expected = theirs(x_BTD, places_BT, attention_mask=None, use_cache=False)[0]
    torch.testing.assert_close(ours(x_BTD)[0], expected, rtol=1e-4, atol=1e-4)


def test_states_of_even_inputs_stay_even() -> None:
    """Equation 4: inputs of unit variance give states of unit variance, however slow the decay."""
    torch.manual_seed(3)
    mixer = RGLRUConfig(dim=32, expansion=1, decays=(0.9, 0.99)).build()
    u_BTE = torch.randn(4, 4000, 32)
    with torch.no_grad():
        decay_BTE, input_BTE = mixer._recurrence(u_BTE)
    share = input_BTE.square().mean() / (1 - decay_BTE.square()).mean()
    # The input gate is near a half at the start: a quarter of the variance and a little more.
    assert 0.2 < float(share) < 0.35


@pytest.mark.parametrize("value", [-1e4, -60.0, 0.0, 60.0, 1e4])
def test_gradients_are_finite_at_decays_near_one(value: float) -> None:
    mixer = RGLRUConfig(dim=16).build()
    with torch.no_grad():
        mixer.gates_bias_GV.fill_(value)
    mixer(torch.randn(1, 9, 16))[0].square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in mixer.parameters() if p.grad is not None)


def test_decays_begin_within_their_range() -> None:
    mixer = RGLRUConfig(dim=48, decays=(0.5, 0.6)).build()
    full_E = torch.exp(-8 * torch.nn.functional.softplus(mixer.rate_E.detach()))
    assert 0.5 - 1e-4 < float(full_E.min()) < float(full_E.max()) < 0.6 + 1e-4
