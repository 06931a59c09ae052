"""What only a GPU can show: `pytest -m gpu` on a machine that has one."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from runnel import ops, recipes
from runnel.errors import DivergedError
from runnel.inference.engine import Plain, Recorded, stepper_for
from runnel.inference.leaves import leaves
from runnel.inference.recorded import Streams
from runnel.ops import selftest
from runnel.training import Recipe, train
from runnel.training.loop import resolve
from runnel.training.subject import open_subject
from runnel.training.trainer import Trainer
from torture.essence import differences
from torture.steps import at

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use"),
]


def _recipe(tmp_path: Path, name: str = "mingru-stories", **training: Any) -> Recipe:
    text = tmp_path / "text.txt"
    if not text.exists():
        stories = (f"{k} cats and {2 * k} dogs see {k % 7} crows.\n" for k in range(3000))
        text.write_text("<|endoftext|>".join(stories))
    recipe = recipes.recipe(name)
    small: dict[str, Any] = {"steps": 12, "batch": 4, "length": 32, "minutes": None}
    often: dict[str, Any] = {"save_every": 4, "evaluate_every": 5, "evaluate_tokens": 500}
    return replace(
        recipe,
        model=replace(recipe.model, dim=32, layers=2),
        data=replace(recipe.data, source=str(text), tokenizer="byte"),
        training=replace(recipe.training, log_every=3, **(small | often | training)),
        prompts=("1 cat",),
    )


def test_the_self_test_passes_on_the_chosen_kernels() -> None:
    for op in selftest.OPS:
        assert ops.backend_for("cuda", op) == "triton", ops.shortcoming("cuda", op)
        assert selftest.one("triton", op, "cuda").passed, op


@pytest.mark.parametrize("name", ["mingru-stories", "hgrn-stories", "minlstm-stories"])
def test_deterministic_runs_go_on_to_the_bit(tmp_path: Path, name: str) -> None:
    recipe = _recipe(tmp_path, name, deterministic=True)
    train(recipe, tmp_path / "whole", device="cuda", quiet=True)
    stopped = at(6, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert train(recipe, tmp_path / "broken", device="cuda", progress=stopped).steps == 6
    train(recipe, tmp_path / "broken", device="cuda", quiet=True)
    assert differences(tmp_path / "whole", tmp_path / "broken") == []


def _trainer(recipe: Recipe) -> Trainer:
    subject = open_subject(recipe)
    return Trainer(resolve(recipe, subject), subject, torch.device("cuda"))


def test_a_gpu_learns_what_a_cpu_learns(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, precision="float32")
    subject = open_subject(recipe)
    cpu = Trainer(resolve(recipe, subject), subject, torch.device("cpu"))
    gpu = _trainer(recipe)
    for _ in range(6):
        gpu.advance()
    losses = [step.loss for step in gpu.measured()]
    assert losses == pytest.approx([cpu.step().loss for _ in range(6)], rel=1e-3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_compiled_training_has_the_same_losses(tmp_path: Path) -> None:
    one, other = (
        _trainer(_recipe(tmp_path, precision="float32", compile=mode))
        for mode in ("never", "always")
    )
    assert [one.step().loss for _ in range(4)] == pytest.approx(
        [other.step().loss for _ in range(4)], rel=1e-3
    )


def test_no_step_waits_for_the_device(tmp_path: Path) -> None:
    trainer = _trainer(_recipe(tmp_path))
    trainer.advance()
    trainer.measured()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            trainer.advance()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len(trainer.measured()) == 3


def test_divergence_moves_nothing(tmp_path: Path) -> None:
    trainer = _trainer(_recipe(tmp_path))
    trainer.step()
    weights = {n: t.clone() for n, t in trainer.weights().items()}
    trainer.model.get_parameter("head.weight").register_hook(lambda grad: grad * torch.nan)
    for _ in range(3):
        trainer.advance()
    with pytest.raises(DivergedError, match=r"step 2: .*gradient of head\.weight"):
        trainer.measured()
    assert all(torch.equal(t, trainer.weights()[n]) for n, t in weights.items())


def test_recorded_steps_are_the_models_steps(tmp_path: Path) -> None:
    model = _recipe(tmp_path).model.build().cuda().eval()
    streams, generator = Streams(model, 5), torch.Generator().manual_seed(0)
    with torch.inference_mode():
        ours = wanted = model.init_state(5)
        kept = []
        for _ in range(20):
            token_B = torch.randint(200, (5,), generator=generator).cuda()
            found_BV, ours = streams.step(token_B, ours)
            logits_BV, wanted = model.step(token_B, wanted)
            torch.testing.assert_close(found_BV, logits_BV)
            kept.append((ours, [leaf.clone() for leaf in leaves(ours)]))
    for state, copies in kept:
        assert all(torch.equal(a, b) for a, b in zip(leaves(state), copies, strict=True))
    stepper = stepper_for(model)
    assert isinstance(stepper, Recorded)
    state = model.init_state(1)
    torch.testing.assert_close(stepper.step(3, state)[0], Plain(model).step(3, state)[0])


@pytest.mark.parametrize("op", ["mingru_scan", "minlstm_scan"])
def test_scans_compile_without_a_break_and_fit_into_a_graph(op: str) -> None:
    count = 3 if op == "minlstm_scan" else 2
    inputs = [torch.randn(2, 300, 40, device="cuda") for _ in range(count)]
    scan: Callable[..., Any] = getattr(ops, op)
    expected = scan(*inputs)[0]
    torch.testing.assert_close(torch.compile(scan, fullgraph=True)(*inputs)[0], expected)
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph):
        recorded = scan(*inputs)[0]
    graph.replay()
    assert torch.equal(recorded, expected)
