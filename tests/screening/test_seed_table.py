"""A README's numbers per seed: read where they agree with the claim, and only there."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from verifier.screening.screened import Run
from verifier.screening.seed_table import seed_table, standing

README = """
| Seed | Steps | Pre-quant bpb | **Post-quant bpb** | val_loss | Size |
|------|------:|--------------:|-------------------:|---------:|-----:|
| **1337** | 7,000 | 1.1400 | **1.1490** | 1.94 | 15,900,000 |
| 42 | ~7,000 | 1.1420 | 1.1510 | 1.95 | 15,900,001 |
| Mean | | 1.1410 | 1.1500 | | |
"""


def logged(*bpbs: float) -> tuple[Run, ...]:
    return tuple(
        Run(seed=str(at), bpb=bpb, loss=None, path="l", line=1, source="log")
        for at, bpb in enumerate(bpbs)
    )


def test_the_column_whose_mean_is_the_claim_is_taken() -> None:
    """Several columns are in bits per byte; the claim says which one counts."""
    found = seed_table(README, 1.15, "README.md")
    assert [(run.seed, run.bpb, run.loss, run.line) for run in found] == [
        ("1337", 1.149, 1.94, 4),
        ("42", 1.151, 1.95, 5),
    ]
    assert [run.bpb for run in seed_table(README, 1.141, "README.md")] == [1.14, 1.142]


def test_a_table_that_does_not_agree_with_the_claim_says_nothing() -> None:
    """Nor does one where there is no claim, nor the losses that happen to fit."""
    assert seed_table(README, 1.20, "README.md") == ()
    assert seed_table(README, None, "README.md") == ()
    assert seed_table(README, 1.945, "README.md") == ()


def test_logs_stand_where_they_agree_and_the_table_where_only_it_does() -> None:
    """The logs' eight digits are better than the table's four."""
    assert standing(1.15, logged(1.1499, 1.1501), README, "README.md") == logged(1.1499, 1.1501)
    assert standing(1.15, logged(1.25), README, "README.md")[0].source == "readme"
    assert standing(1.3, logged(1.25), README, "README.md") == logged(1.25)
    assert standing(None, logged(1.25), README, "README.md") == logged(1.25)
    assert standing(1.15, (), README, "README.md")[0].source == "readme"


@given(text=st.text(max_size=200), claim=st.floats())
def test_any_readme_has_a_table_or_none(text: str, claim: float) -> None:
    """Strangers write these."""
    assert isinstance(seed_table("| Seed | bpb |\n" + text, claim, "README.md"), tuple)


def test_a_hostile_table_costs_bounded_work() -> None:
    """A million rows, and a row of a million cells."""
    began = time.process_time()
    seed_table("| Seed | bpb |\n" + "| 1 | 1.15 |\n" * 1_000_000, 1.15, "README.md")
    seed_table("| Seed " + "| bpb " * 1_000_000 + "\n| 1 " + "| 1.15 " * 300, 1.15, "README.md")
    assert time.process_time() - began < 3
