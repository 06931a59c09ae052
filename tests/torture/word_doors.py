"""What stands on the command line: fields of a recipe, prompts and flags."""

import random
from collections.abc import Iterator
from pathlib import Path

from runnel.recipes import RECIPES
from torture.door import Case, Door
from torture.kit import Kit

_FIELDS: list[str] = [
    *("", "=", "x", "model", "model=5", "model.dim", "model.dim=", "model.dim=x", "model.dim=1.5"),
    *("model.dim=0", "model.dim=-8", "model.dim=nan", f"model.dim={2**62}", f"model.dim={10**30}"),
    *("model.layers=0", f"model.layers={10**9}", f"model.layers={2**62}", "model.mixers=os.system"),
    *("model.mixers=", "model.type=stack", "model.__class__=x", "model.block.expansion=inf"),
    *("model.block.expansion=1e300", "model.block.dropout=nan", "model.block.norm=x", "data=x"),
    *("training.learning_rate=inf", "training.learning_rate=nan", "training.learning_rate=-1"),
    *("training.optimizer.betas=1", "training.optimizer.betas=1,1", "training.optimizer.kind=sgd"),
    *("training.save_every=0s", "training.save_every=-1", "training.save_every=1e9s"),
    *("training.batch=0", f"training.batch={2**62}"),
    *(f"training.length={2**62}", "training.schedule.warmup=2", "training.schedule.shape=up"),
    *("data.held_out=2", "data.tokenizer=bpe:x", f"data.tokenizer=bpe:{10**9}", "data.tokenizer=x"),
    *("data.tokenizer=gpt2:/nowhere", "data.separator=x", "data.source=", "data.source=/dev/null"),
    *("data.source=a\udcffb", "model.mixers.0.type=gru", "model.mixers.7.dim=1", "task=x"),
]


def settings() -> Door:
    recipes = ("mingru-stories", "conv-attention-stories", "diverging-stories", "gpt2-stories")

    def case(k: Kit, recipe: str, assignment: str, must: bool) -> Case:
        words = ["train", recipe, "--steps", "1", "--batch", "2", "--out", str(k.new), "--quiet"]
        words += ["--data", str(k.text), "--length", "16"]
        return Case(f"{recipe} {assignment!r}", {}, [*words, "--set", assignment], must)

    def collected(k: Kit) -> Iterator[Case]:
        for assignment in _FIELDS:
            yield case(k, "mingru-stories", assignment, True)

    def drawn(k: Kit, dice: random.Random) -> Case:
        from runnel.configuration import fields

        recipe = dice.choice(recipes)
        found = [f for f in fields(RECIPES[recipe].make()) if type(f.value) in (int, float, bool)]
        field = dice.choice([f for f in found if f.path != "training.accumulate"])
        value = dice.choice(
            ["x", "", "nan", "inf", "-1", f"{2**62}", "1e400", "0x10", "1_0", "[1]"]
        )
        return case(k, recipe, f"{field.path}={value}", False)

    return Door("settings", collected, drawn)


def prompts() -> Door:
    flags = [
        *(("--prompt", "a\udcffb"), ("--prompt", "a\0b"), ("--temperature", "nan")),
        *(("--temperature", "-1"), ("--temperature", "x"), ("--top-k", "0"), ("--top-p", "2")),
        *(("--top-p", "nan"), ("--top-p", "-0.1"), ("--tokens", "0"), ("--tokens", "-1")),
        *(("--tokens", "1e3"), ("--seed", "-1"), ("--seed", "\u00b2"), ("--seed", "1.5")),
        *(("--stop", ""), ("--device", "gpu"), ("--weights", "int4")),
        *(("--nothing", "x"), ("--tokens", "9" * 5000), ("--seed", "9" * 5000)),
    ]

    def collected(k: Kit) -> Iterator[Case]:
        for flag, value in flags:
            yield Case(f"{flag} {value[:30]!r}", {}, [*k.generate(k.run), flag, value])
        for place in ("", "\0", "x" * 5000, "/dev/null", "/proc/self/mem", "a\udcff", str(k.text)):
            yield Case(
                f"run {place[:20]!r}", {}, k.generate(Path(place)) if place else ["generate", ""]
            )

    def drawn(k: Kit, dice: random.Random) -> Case:
        flag = dice.choice(["--prompt", "--stop", "--temperature", "--top-p", "--top-k", "--seed"])
        text = dice.randbytes(dice.randint(1, 12)).decode("utf-8", "surrogateescape")
        return Case(f"{flag} {text!r}", {}, [*k.generate(k.run), f"{flag}={text}"], must=False)

    return Door("prompts", collected, drawn)
