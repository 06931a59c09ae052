"""README.md of a run: the model card."""

import platform
from typing import Any

import torch

from runnel.configuration import fields
from runnel.inference.leaves import leaves
from runnel.models.model import Model, ModelConfig
from runnel.training.config import Recipe
from runnel.training.schedule import Budget, Spent
from runnel.training.subject import Subject

_UNITS = {"bits_per_byte": "bits/byte", "accuracy": "of the answers right"}


def model_card(
    recipe: Recipe,
    subject: Subject,
    model: Model[Any],
    spent: Spent,
    outcome: dict[str, Any],
    precision: torch.dtype,
) -> str:
    """The card in Markdown; `outcome` has validation_loss, bits_per_byte, best_step and so on."""
    parameters = sum(p.numel() for p in model.parameters())
    state = sum(leaf.numel() for leaf in leaves(model.init_state(1)))
    device = next(model.parameters()).device
    rows = {
        "architecture": f"{recipe.model.name}: {_described(recipe.model)}",
        "parameters": f"{parameters:,}",
        "state per stream": f"{state:,} numbers ({4 * state / 1000:,.1f} kB in float32)",
        "tokenizer": f"{subject.tokenizer.name}, {subject.tokenizer.vocab_size:,} tokens",
        "data": f"{subject.name}: {subject.description}",
        "data SHA-256": f"`{subject.sha256}`",
        **subject.facts(),
        "budget": str(Budget.of(recipe.training)),
        "trained": f"{spent.steps:,} steps, {spent.tokens:,} tokens, {spent.seconds:,.1f} s",
        "validation loss": f"{outcome['validation_loss']:.4f} nats/token, "
        f"{outcome[subject.measure]:.4f} {_UNITS[subject.measure]} "
        f"over {outcome['validation_tokens']:,} tokens ({outcome['protocol']})",
        "weights of": f"step {outcome['best_step']:,}, the best by validation loss"
        + (f"; running mean, decay {recipe.training.average}" if recipe.training.average else ""),
        "machine": f"{_machine(device)}; {str(precision).removeprefix('torch.')} products; "
        f"torch {torch.__version__}, Python {platform.python_version()}",
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"""# A language model trained with runnel

| | |
|---|---|
{table}

![loss](loss.svg)

`config.json` is the whole recipe, `metrics.jsonl` every logged step, `samples.md` what the model
wrote along the way.

```python
import runnel

model = runnel.load("PATH_OF_THIS_DIRECTORY")
print(runnel.generate(model, {recipe.prompts[0] if recipe.prompts else ""!r}, tokens=200))
```

## Limits

{subject.limits}
"""


def _described(model: ModelConfig) -> str:
    """The fields of the model itself and of its parts other than its mixers."""
    return ", ".join(
        f"{field.path} {field.value}" for field in fields(model) if field.path.count(".") < 2
    )


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{processor()}, {torch.get_num_threads()} threads"


def processor() -> str:
    """The processor's name where the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
