"""Which room may import which, checked over the real imports."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "runnel"

ANYONE = {"allocator", "errors", "configuration", "files", "strict_json", "lock"}
MAY_IMPORT = {
    "allocator": set(),
    "__init__": {"storage", "inference", "recipes"},
    "errors": set(),
    "configuration": set(),
    "files": set(),
    "strict_json": set(),
    "lock": set(),
    "ops": set(),
    "mixer": set(),
    "context": {"ops", "mixer"},
    "blend": {"ops", "mixer"},
    "mixers": {"ops", "mixer", "context", "blend"},
    "models": {"ops", "mixer", "mixers"},
    "data": set(),
    "tasks": {"data"},
    "storage": {"models", "mixers", "data"},
    "inference": {"storage", "models", "mixers", "ops", "data"},
    "training": {"storage", "inference", "models", "data", "tasks"},
    "serving": {"inference", "storage"},
    "reports": {"training", "inference", "tasks", "data", "storage", "models"},
    "bench": {"ops", "mixers", "models", "training", "inference"},
    "recipes": {"mixers", "models", "data", "tasks", "training"},
    "commands": {
        *("ops", "mixers", "models", "data", "tasks", "storage", "inference", "training"),
        *("serving", "reports", "bench", "recipes", "__init__"),
    },
    "cli": {"commands", "__init__"},
}
FILES = sorted(SOURCE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """The modules of runnel that a file imports anywhere, as dotted paths below runnel."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name for name in names if name.split(".")[0] == "runnel"}
    return {name.removeprefix("runnel").lstrip(".") or "__init__" for name in found}


def room(path: Path) -> str:
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def room_of_import(name: str) -> str:
    first = name.split(".")[0]
    known = (SOURCE / first).is_dir() or (SOURCE / f"{first}.py").exists()
    return first if known else "__init__"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_only_what_its_room_may(path: Path) -> None:
    own = room(path)
    used = {room_of_import(name) for name in imports(path)}
    assert used - {own} - ANYONE <= MAY_IMPORT[own]


@pytest.mark.parametrize("path", sorted((SOURCE / "mixers").glob("*.py")), ids=lambda p: p.stem)
def test_mixers_do_not_import_each_other(path: Path) -> None:
    assert not {name for name in imports(path) if name.startswith("mixers.")}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_hold_one_idea(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
