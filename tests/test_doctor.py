"""What runnel doctor says of a GPU whose kernels fail, on a machine that has none."""

import json

import pytest
import torch

from runnel import ops
from runnel.cli import main
from runnel.ops import _triton, selftest


def test_a_gpu_whose_kernels_fail_is_told_and_plain_torch_tested(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(_triton, "unavailable_reason", lambda: "")
    monkeypatch.setattr(_triton, "fault", lambda device, op: "off by 1" * (op == "hgru_scan"))
    ops._gpu_backend.cache_clear()
    tried = []

    def one(backend: str, op: str, device: str = "cpu") -> selftest.Outcome:
        tried.append((device, op, backend))
        return selftest.Outcome(backend, op, 1e-6)

    monkeypatch.setattr(selftest, "one", one)
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    gpu = found["devices"]["cuda"]
    assert (gpu["backend"], gpu["precision"]) == ("triton", "float32")
    assert gpu["plain_torch"] == {"hgru_scan": "off by 1"}
    on_gpu = {op: backend for device, op, backend in tried if device == "cuda"}
    assert on_gpu == dict.fromkeys(selftest.OPS, "triton") | {"hgru_scan": "torch"}
    assert main(["doctor"]) == 0
    told = capsys.readouterr()
    assert "cuda computes hgru_scan by plain torch, many times slower: off by 1" in told.out
    assert told.err == ""
    ops._gpu_backend.cache_clear()


def test_a_gpu_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    words = ["train", "mingru-stories", "--steps", "1", "--device", "cuda"]
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert told.err.startswith("error: expected a CUDA device for cuda; this machine has none;")
