"""What precision=auto means, and which devices there are."""

import pytest
import torch

from runnel.errors import InputError
from runnel.training.precision import autocast, choose_device, choose_precision, fast_bfloat16

_CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("amx", "avx512", "fast"),
    [(False, False, False), (True, False, True), (False, True, True), (True, True, True)],
)
def test_auto_is_bfloat16_only_where_the_hardware_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, amx: bool, avx512: bool, fast: bool
) -> None:
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: avx512)
    assert fast_bfloat16(_CPU) is fast
    assert choose_precision("auto", _CPU) == (torch.bfloat16 if fast else torch.float32)
    assert choose_precision("bfloat16", _CPU) == torch.bfloat16
    assert choose_precision("float32", _CPU) == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_run_in_the_chosen_format_and_weights_stay(dtype: torch.dtype) -> None:
    line = torch.nn.Linear(3, 4)
    with autocast(dtype, _CPU):
        assert line(torch.ones(2, 3)).dtype == dtype
    assert line.weight.dtype == torch.float32


def test_devices_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == _CPU
    with pytest.raises(InputError, match="this machine has none; try --device cpu"):
        choose_device("cuda")
    with pytest.raises(InputError, match="expected a device of auto, cpu, cuda; got 'gpu'"):
        choose_device("gpu")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert choose_device("auto") == torch.device("cuda")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(InputError, match=r"one of the 2 CUDA devices .* got cuda:2"):
        choose_device("cuda:2")


def test_a_gpu_without_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = torch.device("cuda")
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: "Old One")
    assert choose_precision("auto", gpu) == choose_precision("float32", gpu) == torch.float32
    with pytest.raises(InputError, match="Old One has none; try --precision float32"):
        choose_precision("bfloat16", gpu)


@pytest.mark.parametrize("name", ["cuda:x", "cudax", "cpu:0:0"])
def test_malformed_devices_are_the_users_fault(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    with pytest.raises(InputError, match="expected a device of auto, cpu, cuda"):
        choose_device(name)
