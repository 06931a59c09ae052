"""Whether a run directory may be gone on with: the same configuration, or a longer budget."""

from collections.abc import Iterator
from typing import Any

from runnel.configuration import fields, to_plain
from runnel.errors import InputError
from runnel.training.config import Recipe
from runnel.training.schedule import Budget

_BUDGET = ("steps", "tokens", "minutes")


def check_same_run(saved: Recipe, wanted: Recipe, where: str) -> bool:
    """True if `wanted` only has a longer budget than `saved`, False if it is the same.

    Any other difference is an InputError that names the first differing field and both values;
    `where` is the run directory's name.
    """
    old, new = Budget.of(saved.training), Budget.of(wanted.training)
    before, after = dict(_leaves(to_plain(saved))), dict(_leaves(to_plain(wanted)))
    for path in [field.path for field in fields(wanted)] + sorted(before.keys() | after.keys()):
        ours = path.removeprefix("training.") in _BUDGET and old.kind == new.kind
        if ours or (path not in before and path not in after):
            continue
        if before.get(path) != after.get(path):
            raise InputError(
                f"expected the configuration of the run in {where}, {path}={before.get(path)!r}; "
                f"got {after.get(path)!r}; use the same, or choose another --out"
            )
    if new.total < old.total:
        raise InputError(
            f"expected a budget of at least {old}, as of the run in {where}; got {new}; "
            "use the same or a longer one, or choose another --out"
        )
    return new.total > old.total


def _leaves(plain: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(plain, dict):
        for name, value in plain.items():
            yield from _leaves(value, f"{path}.{name}" if path else name)
    elif isinstance(plain, list) and any(isinstance(value, (dict, list)) for value in plain):
        for i, value in enumerate(plain):
            yield from _leaves(value, f"{path}.{i}")
    else:
        yield path, plain
