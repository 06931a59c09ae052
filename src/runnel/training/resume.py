"""Whether a run directory may be resumed: with the same configuration, or a longer budget."""

from runnel.configuration import fields, leaves, to_plain
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
    before, after = dict(leaves(to_plain(saved))), dict(leaves(to_plain(wanted)))
    # What is read comes first: another tokenizer would else be told as another vocabulary.
    paths = sorted((f.path for f in fields(wanted)), key=lambda path: path.startswith("model."))
    for path in paths + sorted(before.keys() | after.keys()):
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
