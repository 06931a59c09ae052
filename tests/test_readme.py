"""The README is true: its Python runs, its commands parse, its tree stands."""

import re
import shlex
from pathlib import Path

import pytest

from runnel.cli import make_parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"`(runnel [a-z][^`]*)`", README)
TREE = README.split("## Where things are")[1].split("How to add")[0]


@pytest.mark.parametrize("code", PYTHON)
def test_python_runs(code: str) -> None:
    exec(compile(code, "README.md", "exec"), {})


def test_there_is_python_to_run() -> None:
    assert PYTHON


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_parse(command: str) -> None:
    words = shlex.split(command)[1:]
    if words != ["list"]:
        make_parser().parse_args(words)


def test_tree_stands() -> None:
    inside = re.findall(r"^      (\S+)", TREE, re.MULTILINE)
    outside = re.findall(r"^    (\S+)", TREE, re.MULTILINE)
    assert len(inside) > 5
    assert len(outside) > 2
    for name in inside:
        assert (ROOT / "src" / "runnel" / name).exists(), name
    for name in outside:
        assert (ROOT / name).exists(), name
    for module in (ROOT / "src" / "runnel").glob("[!_]*.py"):
        assert module.name in TREE, module.name


def test_is_short() -> None:
    assert len(README.splitlines()) <= 130
