"""Small tokenizers and data sets that need no network."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from verifier.heldout import tokenizer

WORDS = [
    *("model", "query", "field", "admin", "template", "view", "middleware", "session", "cache"),
    *("form", "widget", "migration", "signal", "transaction", "database", "index", "router"),
    *("static", "settings", "request", "response", "filter", "manager", "naïve", "漢字"),
]


def prose(seed: int, words: int = 400) -> str:
    """Some lines of made-up prose; every seed gives another text."""
    draw = random.Random(seed)
    lines = [" ".join(draw.choice(WORDS) for _ in range(9)) for _ in range(words // 9)]
    return "\n".join(f"{line} {draw.random():.12f}." for line in lines) + "\n"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BPE model trained like the embedded default's, on prose of other seeds."""
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.model"
    path.write_bytes(tokenizer.train(prose(seed, 9000).encode() for seed in range(1000, 1008)))
    return path
