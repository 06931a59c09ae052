"""hgrn against the equations written out in float64, and the real form against fla's plain loop."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runnel.mixers.hgrn import HGRN, HGRNConfig

DIM, LAYERS = 10, 3


def layers(**options: Any) -> list[HGRN]:
    torch.manual_seed(6)
    mixers, bounds = HGRNConfig(dim=DIM, **options).build_layers(LAYERS)
    bounds.double()
    with torch.no_grad():
        for module in (*mixers, bounds):
            for parameter in module.double().parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.5)
    return mixers


def transcribed(mixer: HGRN, gamma_E: Tensor, x_TD: Tensor) -> Tensor:
    """The equations of Qin et al. 2023, section 3, one token after another."""
    E, complex_ = mixer.inner, mixer.config.state == "complex"
    names = ["mu", "cr", "ci", "gr", "gi"] if complex_ else ["mu", "cr", "gr"]
    W = dict(zip(names, mixer.inputs.weight.split(E), strict=True))
    b = dict(zip(names, mixer.inputs.bias.split(E), strict=True))
    theta_E = mixer.theta_E if mixer.theta_E is not None else torch.zeros(E)
    h_E = torch.zeros(E, dtype=torch.complex128)
    outputs = []
    for x_D in x_TD:
        z = {name: x_D @ W[name].T + b[name] for name in names}
        c_E = torch.complex(
            F.silu(z["cr"]), F.silu(z["ci"]) if complex_ else torch.zeros(E).double()
        )
        mu_E = 1 / (1 + torch.exp(-z["mu"]))
        lambda_E = gamma_E + (1 - gamma_E) * mu_E
        h_E = lambda_E * torch.exp(1j * theta_E.double()) * h_E + (1 - lambda_E) * c_E
        h, g = h_E.real, F.silu(z["gr"])
        if complex_:
            h, g = torch.cat([h, h_E.imag]), torch.cat([g, F.silu(z["gi"])])
        norm, out = mixer.norm, mixer.output
        assert isinstance(norm, nn.LayerNorm)
        if mixer.config.order == "gate-then-norm":
            o = F.layer_norm(g * h, h.shape, norm.weight, norm.bias)
        else:
            o = F.layer_norm(h, h.shape, norm.weight, norm.bias) * g
        outputs.append(o @ out.weight.T + out.bias)
    return torch.stack(outputs)


@pytest.mark.parametrize("state", ["complex", "real"])
@pytest.mark.parametrize("order", ["gate-then-norm", "norm-then-gate"])
def test_equals_the_equations(state: str, order: str) -> None:
    mixers = layers(state=state, order=order, expansion=1.2)
    owner: Any = mixers[1].bound
    P_LE = torch.softmax(owner.func.__self__.logits_LE, dim=0)
    for k, mixer in enumerate(mixers):
        gamma_E = torch.zeros(mixer.inner).double()
        for j in range(k):
            gamma_E = gamma_E + P_LE[j]
        x_BTD = torch.randn(2, 33, DIM, dtype=torch.float64)
        expected = torch.stack([transcribed(mixer, gamma_E, x_TD) for x_TD in x_BTD])
        torch.testing.assert_close(mixer(x_BTD)[0], expected, rtol=1e-9, atol=1e-9)


def naive_recurrent_hgrn() -> Any:
    """fla's plain-torch loop, without the rest of fla, which wants a GPU and takes long to load."""
    package = importlib.util.find_spec("fla")
    places = package.submodule_search_locations if package else None
    if not places:
        pytest.skip("flash-linear-attention of the extra bench is not installed")
    path = Path(places[0]) / "ops" / "hgrn" / "naive.py"
    spec = importlib.util.spec_from_file_location("naive_hgrn", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.naive_recurrent_hgrn


@pytest.mark.parametrize("length", [1, 63, 300])
def test_the_real_form_equals_fla(length: int) -> None:
    """As fla's layer uses its recurrence: x is the input already weighted, g the log of λ."""
    theirs = naive_recurrent_hgrn()
    mixer = [m.float() for m in layers(state="real")][2]
    mixer.bound.func.__self__.float()  # type: ignore[union-attr]
    x_BTD = torch.randn(2, length, DIM)
    with torch.no_grad():
        forget, candidate, _ = mixer.projected(x_BTD)
        start = torch.randn(2, mixer.inner, 1)
        actual, last = mixer.scan(forget, candidate, None, start)
        decay = mixer.decays(x_BTD)
        expected, final = theirs((1 - decay) * candidate, decay.log(), start.squeeze(-1), True)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(last.squeeze(-1), final, rtol=1e-4, atol=1e-5)


def test_the_angles_begin_as_published() -> None:
    mixer = HGRNConfig(dim=DIM).build()
    assert mixer.theta_E is not None
    expected = torch.tensor([10000 ** (-2 * j / DIM) for j in range(DIM)])
    torch.testing.assert_close(mixer.theta_E.detach(), expected)
