"""Hostile things: pickles that do something, import paths, names that lead elsewhere, archives."""

import io
import os
import pickle
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

import torch

SECRET = "tell-nobody-4711"
MODULE = "torture_canary"


@final
class Outside:
    """A folder that nothing may touch, with a secret in it and a canary that should never be."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.canary = folder / "outside", folder / "outside" / "canary"
        self.folder.mkdir()
        (self.folder / "secret.txt").write_text(f"{SECRET}\n" * 50)
        (self.folder / "checkpoints").mkdir()
        modules = folder / "modules"
        modules.mkdir()
        # Importing it is enough.
        touch = f"open({str(self.canary)!r}, 'w').close()\ndef touch(*a, **k): return 1\n"
        (modules / f"{MODULE}.py").write_text(touch)
        self.modules = str(modules)
        self._before = self._seen()

    def untouched(self) -> bool:
        """Whether all is as it was; what was changed is put back."""
        same = self._seen() == self._before
        self.canary.unlink(missing_ok=True)
        return same

    def _seen(self) -> dict[str, object]:
        found: dict[str, object] = {}
        for path in sorted(self.folder.rglob("*")):
            status = path.lstat()
            data = path.read_bytes() if path.is_file() else None
            found[str(path)] = (status.st_mode, status.st_mtime_ns, data)
        return found


class Trap:
    """Unpickled, it calls something."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


def traps(canary: Path) -> Iterator[tuple[str, Trap]]:
    """The well-known ways out of a pickle."""
    import importlib
    import runpy
    import subprocess

    touch = f"open({str(canary)!r}, 'w').close()"
    yield "os.system", Trap(os.system, f"touch {canary}")
    yield "eval", Trap(eval, touch)
    yield "exec", Trap(exec, touch)
    yield "open", Trap(open, str(canary), "w")
    yield "subprocess", Trap(subprocess.Popen, ["touch", str(canary)])
    yield "import", Trap(importlib.import_module, MODULE)
    yield "runpy", Trap(runpy.run_module, MODULE)
    yield "getattr", Trap(getattr, Trap(importlib.import_module, MODULE), "touch")
    yield "torch.load", Trap(torch.serialization.load, str(canary))
    yield "makedirs", Trap(os.makedirs, str(canary))


def pickles(canary: Path) -> Iterator[tuple[str, bytes]]:
    """Each trap in every format that torch.load knows, alone and among tensors."""
    for name, trap in traps(canary):
        for place, held in (
            ("alone", trap),
            ("as a value", {"w": torch.ones(2), "x": trap}),
            ("as a name", {"w": torch.ones(2), ("x", trap): 1}),
            ("inside", {"state_dict": [{"w": (torch.ones(1), trap)}]}),
        ):
            for kind, new in (("zip", True), ("old", False)):
                written = io.BytesIO()
                try:
                    torch.save(held, written, _use_new_zipfile_serialization=new)
                except TypeError:  # what cannot be hashed is no name
                    continue
                yield f"{name} {place}, {kind}", written.getvalue()
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            yield f"{name}, plain pickle {protocol}", pickle.dumps(trap, protocol)


def import_paths(canary: Path) -> list[Any]:
    """What loaders that import by name take for an instruction."""
    names = [f"{MODULE}.touch", f"{MODULE}:touch", MODULE, "os.system", "builtins.eval"]
    names += ["subprocess.Popen", "runnel.cli.main", "runnel.mixers.mingru.MinGRUConfig"]
    names += [f"file://{canary}", f"!!python/object/apply:os.system ['touch {canary}']"]
    names += [
        f"${{oc.env:{MODULE}}}",
        f"{{{{{MODULE}}}}}",
        f"$(touch {canary})",
        f"; touch {canary}",
    ]
    keys = ["type", "_target_", "__class__", "class_path", "py/object", "!python/name", "$import"]
    shaped: list[Any] = [
        {key: name, "args": [f"touch {canary}"]} for key in keys for name in names[:6]
    ]
    shaped += [{"__reduce__": [name, [f"touch {canary}"]]} for name in names[:6]]
    return [*names, *shaped]


def names(outside: Outside) -> list[str]:
    """Names that lead elsewhere."""
    there = str(outside.folder)
    up = "../" * 12 + there.lstrip("/")
    ends = ["", "/secret.txt", "/checkpoints"]
    found = [start + end for start in (there, up, "../outside", "../../outside") for end in ends]
    return [*found, "..", "../..", "/", ".", "a\0b", f"step-00000006\0{there}", "~", "x" * 5000]


def archives(outside: Outside) -> Iterator[tuple[str, bytes]]:
    """Archives whose members want to stand elsewhere, or are no files."""
    kinds = {
        "a file": tarfile.REGTYPE,
        "a link": tarfile.SYMTYPE,
        "a hard link": tarfile.LNKTYPE,
        "a device": tarfile.CHRTYPE,
        "a pipe": tarfile.FIFOTYPE,
        "a folder": tarfile.DIRTYPE,
    }
    for name in [*names(outside), f"{outside.canary}", f"../outside/{outside.canary.name}"]:
        for kind, code in kinds.items():
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
                member = tarfile.TarInfo(f"{name}.txt".replace("\0", "\\0"))
                member.type, member.linkname = code, str(outside.folder / "secret.txt")
                text = b"the cat sees rain. " * 9 if code == tarfile.REGTYPE else b""
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text))
                good = tarfile.TarInfo("good.txt")
                good.size = 40
                archive.addfile(good, io.BytesIO(b"a dog hears snow and the cat sees rain. "))
            yield f"{kind} {name[:50]!r}", packed.getvalue()
