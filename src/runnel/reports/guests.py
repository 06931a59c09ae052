"""Models that others trained, at the table of a comparison: judged on the same text."""

from runnel.data import open_corpus
from runnel.inference.against import HuggingFaceModel, open_against
from runnel.reports import measure
from runnel.reports.results import Comparison, Entry, Run
from runnel.training import Recipe


def guest_entry(name: str) -> Entry:
    """The entry of hf:NAME or of a folder, of which nothing is known before it is opened."""
    return Entry(
        name=name,
        source="Hugging Face",
        recipe={},
        parameters=0,
        parameters_without_embeddings=0,
        trained=False,
    )


def judged_guest(plan: Comparison, entry: Entry, recipe: Recipe) -> Run:
    """What the model makes of the text that `recipe` and all others are judged by."""
    theirs = open_against(entry.name, plan.device)
    corpus = open_corpus(recipe.data)
    tokens_N = measure.judged(corpus.validation.tokens_N, recipe.training.judge_tokens)
    found = theirs.evaluate(tokens_N, corpus.tokenizer)
    return Run(
        seed=plan.seeds[0],
        status="finished",
        bits_per_byte=found.bits_per_byte,
        nats_per_token=found.loss,
        validation_tokens=len(tokens_N) - 1,
        validation_sha256=measure.fingerprint(tokens_N),
        protocol=f"{found.protocol}; a token stands for {found.bytes / found.tokens:.2f} bytes",
        decode_tokens_per_second=_speed(theirs),
        parameters=theirs.parameters,
        context=theirs.context,
    )


def _speed(theirs: HuggingFaceModel) -> float | None:
    """Its own tokens a second; none where the model keeps no cache to go on from."""
    try:
        return measure.steps_per_second(theirs.stepper())
    except (TypeError, ValueError, AttributeError, IndexError, RuntimeError):
        # The library's models differ in what they take; the loss does not depend on it.
        return None
