"""What must stand before anything is imported, and what tests of several rooms use."""

import os
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Triton decides at its import, which torch may cause, whether kernels are compiled or interpreted.
if not Path("/dev/nvidiactl").exists():
    os.environ["TRITON_INTERPRET"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests begin first: no process is left alone with them in the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of a file stay in one process, for what they share is made once a process.

    Parts of the torture are minutes long, and each by itself. (xdist 3.8's own groups are not seen
    by pytest 9.2.)
    """
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return nodeid if file.endswith("torture/test_parts.py") else file

    return ByFile(config, log)


@pytest.fixture(scope="session")
def in_child() -> Callable[[Callable[[], None]], int]:
    """Run a function in a forked process; its exit status, or minus the signal that ended it."""

    def run(function: Callable[[], None]) -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            try:
                function()
                os._exit(0)
            except BaseException:
                traceback.print_exc(file=sys.__stderr__)
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    return run


@pytest.fixture(scope="session")
def byte_gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random GPT-2 of bytes with a context of 32, written to a folder."""
    transformers = pytest.importorskip("transformers", reason="needs the extra hub")
    tokenizers = pytest.importorskip("tokenizers")
    path = tmp_path_factory.mktemp("gpt2")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {c: i for i, c in enumerate(alphabet)} | {"<|endoftext|>": 256}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    end = "<|endoftext|>"
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token=end, eos_token=end
    )
    wrapped.save_pretrained(path)
    import torch

    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=257, n_positions=32, n_embd=16, n_layer=1, n_head=2, bos_token_id=256
    )
    transformers.GPT2LMHeadModel(config).save_pretrained(path)
    return path
