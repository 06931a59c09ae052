#!/usr/bin/env python3
"""Who is meant: how much a model of the stories gives to the right name, and to the right pronoun.

    benchmarks/names.py RUN [RUN ...]

150 stories that no training wrote are read with their own words. At each name that was told before:
how much of what the model gives to names (of one token) has the right one, and where two or more
were told, how often is it the most probable of them? At each pronoun the same between it and the
other gender's.
"""

import argparse
from collections import defaultdict
from itertools import islice

import torch

import runnel
from runnel.data.stories import stories
from runnel.data.stories.words import NAMES
from runnel.inference.session import tokenizer_of
from runnel.tasks.recall import UNSEEN

STORIES = 150
PRONOUNS = (("he", "she"), ("He", "She"), ("his", "her"), ("His", "Her"), ("himself", "herself"))


def main() -> None:
    """A line a run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", nargs="+", metavar="RUN")
    for run in parser.parse_args().runs:
        found = [f"{what} {share:.3f}" for what, share in judged(run).items()]
        print(f"{run}: {', '.join(found)}", flush=True)


@torch.no_grad()
def judged(run: str) -> dict[str, float]:
    """Means over all places of a kind, by what is meant."""
    model = runnel.load(run).eval()
    tokenizer = tokenizer_of(model)

    def one(word: str) -> int | None:
        tokens = tokenizer.encode(f" {word}")
        return int(tokens[0]) if len(tokens) == 1 else None

    names = {token for group in NAMES.values() for n in group if (token := one(n)) is not None}
    other: dict[int, int] = {}
    for a, b in ((one(a), one(b)) for a, b in PRONOUNS):
        if a is not None and b is not None:
            other |= {a: b, b: a}
    seen: dict[str, list[float]] = defaultdict(list)
    for story in islice(stories(UNSEEN), STORIES):
        tokens_T = torch.as_tensor(tokenizer.encode(story.text).astype("int64"))
        p_TV = model(tokens_T[None, :-1])[0][0].float().softmax(-1)
        told: set[int] = set()
        for p_V, before, right in zip(p_TV, tokens_T.tolist(), tokens_T[1:].tolist(), strict=False):
            told |= {before} & names
            if right in told:
                share = float(p_V[right] / p_V[sorted(names)].sum())
                seen["name, one told" if len(told) == 1 else "name, more told"].append(share)
                if len(told) > 1:
                    best = float(p_V[sorted(told)].max())
                    seen["most probable"].append(float(p_V[right] >= best))
            if right in other:
                share = float(p_V[right] / (p_V[right] + p_V[other[right]]))
                seen["pronoun"].append(share)
                seen["more probable"].append(float(share > 0.5))
    return {what: sum(shares) / len(shares) for what, shares in seen.items()}


if __name__ == "__main__":
    main()
