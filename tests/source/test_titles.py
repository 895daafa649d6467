"""A switch is named by a title where every word of it that says something stands in it."""

from __future__ import annotations

import pytest

from verifier.source import Tree
from verifier.source.titles import names, title


def called(readme: str, claims: str = "{}") -> str:
    return title(Tree(files={"README.md": readme.encode(), "submission.json": claims.encode()}))


@pytest.mark.parametrize(
    ("variable", "named"),
    [
        ("TTT_ENABLED", True),
        ("USE_TTT", True),
        ("SWA_ENABLED", True),
        ("NGRAM_CACHE", False),
        ("TTT_COSINE", False),
        ("QK_TTT", False),  # QK is too short to be told from chance
        ("EVAL_MODE", False),
    ],
)
def test_what_a_heading_names(variable: str, named: bool) -> None:
    assert (
        names(called("# Record: 10L SWA + Standard AdamW TTT\n\nN-gram cache\n"), variable) is named
    )


def test_the_names_of_a_claim_count_too() -> None:
    assert names(called("", '{"name": "N-gram Cache"}'), "NGRAM_CACHE")
    assert names(called("", '{"techniques": ["ngram", "cache"]}'), "NGRAM_CACHE")
    assert title(Tree(files={})) == ""
