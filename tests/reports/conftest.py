"""A small comparison by hand, and a text to train on."""

import random
from pathlib import Path

import pytest

from runnel.reports.results import Bin, Comparison, Conditions, Entry, Run, Sample


def run(seed: int, bits: float, *, text: str = "a story") -> Run:
    return Run(
        seed=seed,
        status="finished",
        steps=10,
        tokens=2000,
        seconds=2.0,
        bits_per_byte=bits,
        nats_per_token=bits * 0.69,
        validation_tokens=500,
        validation_sha256="v",
        tokenizer_sha256="t",
        protocol="carried",
        seconds_per_batch=0.2,
        tokens_per_second=1000.0 + seed,
        peak_bytes=300_000_000,
        start_bytes=250_000_000,
        decode_tokens_per_second=2000.0,
        state_bytes={"1024": 1920, "16384": 1920, "262144": 1920},
        curve=((1000, 1.0, bits + 1), (2000, 2.0, bits)),
        by_position=(Bin(first=1, last=1, count=20, value=4.0),),
        samples=(Sample(prompt="Once", text=text),),
    )


def entry(name: str, *runs: Run) -> Entry:
    return Entry(
        name=name,
        source="somebody 2024",
        recipe={"model": {"dim": 8}, "training": {"tokens": 2000}},
        parameters=10_000,
        parameters_without_embeddings=9_000,
        runs=runs,
    )


def compared(*entries: Entry) -> Comparison:
    return Comparison(
        made="2026-11-22",
        version="0.1.0",
        machine={"processor": "a processor", "threads": 2, "torch": "2", "python": "3"},
        device="cpu",
        conditions=Conditions(
            data="text.txt",
            description="the file text.txt",
            data_sha256="0" * 64,
            tokenizer="byte, 256 tokens",
            budget="2,000 tokens",
            batch_tokens=200,
            length=100,
            matched="not matched",
        ),
        seeds=(0, 1),
        entries=entries,
    )


@pytest.fixture
def comparison() -> Comparison:
    failed = Run(seed=0, status="diverged", reason="expected a finite loss; got nan at step 3")
    return compared(
        entry("gru-stories", run(0, 1.5), run(1, 1.7)),
        entry("mingru-stories", run(0, 1.1), run(1, 1.2)),
        entry("lstm-stories", failed),
    )


@pytest.fixture(scope="session")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw = random.Random(0)
    words = [["the", "a"], ["cat", "dog", "crow"], ["sees", "hears"], ["rain", "snow", "wind"]]
    path = tmp_path_factory.mktemp("text") / "text.txt"
    stories = (
        "".join(" ".join(map(draw.choice, words)) + ".\n" for _ in range(draw.randint(1, 8)))
        for _ in range(120)
    )
    path.write_text("<|endoftext|>".join(stories))
    return path
