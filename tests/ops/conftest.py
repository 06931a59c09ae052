"""Backends to test and a seed that a failing test shows."""

import os
import random
from types import ModuleType

import pytest

from runnel.ops import BACKENDS, _native

SEED = int(os.environ.get("RUNNEL_TEST_SEED", random.randrange(1 << 31)))


@pytest.fixture
def seed() -> int:
    """Another one in every run; RUNNEL_TEST_SEED set to what a failing test printed repeats it."""
    print(f"RUNNEL_TEST_SEED={SEED}")
    return SEED


@pytest.fixture
def native() -> ModuleType:
    """The native backend, where there is one."""
    if not _native.available():
        pytest.skip(_native.unavailable_reason())
    return _native


@pytest.fixture(params=["torch", "native"])
def backend(request: pytest.FixtureRequest) -> ModuleType:
    """Every backend but the reference."""
    if request.param == "native":
        request.getfixturevalue("native")
    return BACKENDS[request.param]


@pytest.fixture(params=["reference", "torch", "native"])
def any_backend(request: pytest.FixtureRequest) -> ModuleType:
    """Every backend."""
    if request.param == "native":
        request.getfixturevalue("native")
    return BACKENDS[request.param]
