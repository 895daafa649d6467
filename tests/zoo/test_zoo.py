"""No honest submission is ever REFUTED, whatever the nonce, the batch plan and the companions.

`make zoo` proves that with 20 rounds of every member and example; here the machinery is held to
account: its rounds differ, it verifies a member, it catches a cheat, and it says what is wrong.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.cheats.catalog import HERE as CHEATS
from tests.zoo import table
from tests.zoo.catalog import HERE, ONE_BATCH, ZOO, Member, composed, examples
from tests.zoo.plans import Plan, planned
from tests.zoo.rounds import Round
from tests.zoo.table import Row, Size, as_seen, rows, run, wrong
from verifier import submission as submissions
from verifier.records import Answer, Finding, Outcome, Verdict
from verifier.submission import Submission
from verifier.watch import Unwatched

SMALL = Size(rounds=2, documents=3, whole=3, scorers=1)


def plans(name: str = "any", rounds: int = 20) -> list[Plan]:
    """Rounds of 8 documents of 91, 16 rows."""
    return [planned(name, number, 91, 8, 16) for number in range(rounds)]


def verdict_of(like: Verdict, audit: str, outcome: Outcome, advice: str = "") -> Verdict:
    """`like` with another finding about one audit, answered as the policy would."""
    found = Finding(audit=audit, outcome=outcome, reason="so it was played", advice=advice)
    others = tuple(f for f in like.findings if f.audit != audit)
    answer = Answer.REFUTED if outcome is Outcome.BROKEN else Answer.INCONCLUSIVE
    return replace(like, answer=answer, findings=(*others, found))


@pytest.fixture
def kept() -> Verdict:
    """A verdict in which two required audits were kept."""
    findings = tuple(
        Finding(audit=audit, outcome=Outcome.KEPT, reason="") for audit in ("lookahead", "reset")
    )
    return Verdict(
        answer=Answer.VERIFIED,
        line="",
        bpb=1.0,
        bpb_std=None,
        delta_bpb=None,
        seeds=(),
        findings=findings,
        required=("lookahead", "reset"),
        disclosed=(),
        policy="zoo",
        assurance=0,  # type: ignore[arg-type]
        notes=(),
    )


# ---------------------------------------------------------------- members


def test_every_folder_of_the_zoo_has_a_row() -> None:
    """Promise: a member that nobody runs proves nothing."""
    folders = {path.name for path in HERE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {member.name for member in ZOO}


def test_every_example_goes_through_the_zoo() -> None:
    """Promise: what people copy is held to the same."""
    shipped = {path.parent.name for path in (HERE.parents[1] / "examples").glob("*/verify.yaml")}
    assert {member.name for member in examples()} == shipped


@pytest.mark.parametrize("member", ZOO, ids=lambda member: member.name)
def test_a_member_is_a_whole_submission_with_a_claim(member: Member, tmp_path: Path) -> None:
    """Promise: it is pulled as it stands, under its own name and not that of what it stands on."""
    submission = submissions.pull(str(composed(member, tmp_path / member.name)), tmp_path / "store")
    assert isinstance(submission, Submission)
    assert submission.author == f"golf-verifier/zoo/{member.name}"
    assert submission.claim.val_bpb is not None
    readme = (HERE / member.name / "README.md").read_text(encoding="utf-8")
    assert f"**{submission.claim.val_bpb - 0.01:.2f} bits per byte**" in readme
    module = submission.manifest.scorer.partition(":")[0]
    assert f"{module}.py" in submission.code


# ---------------------------------------------------------------- rounds


def test_every_round_has_another_nonce_other_documents_and_other_batches() -> None:
    """Promise: 20 rounds are 20 different ones."""
    made = plans()
    assert len({plan.key.public_hex for plan in made}) == 20
    assert len({plan.documents for plan in made}) == 20
    assert len({plan.batches for plan in made}) == 20


def test_a_round_is_the_same_when_it_is_run_again() -> None:
    """Promise: what went wrong in a round can be looked at again."""
    again = plans()
    for plan, same in zip(plans(), again, strict=True):
        assert plan.key.public_hex == same.key.public_hex
        assert (plan.documents, plan.batches) == (same.documents, same.batches)


def test_a_round_scores_each_of_its_documents_once_in_rows_drawn_anew() -> None:
    """Promise: a batch holds any number of documents, of any length, in any of its rows."""
    rows_used, sizes = set(), set()
    for plan in plans():
        real = [cell for batch in plan.batches for cell in batch.real()]
        assert sorted(document for _, document in real) == list(range(8))
        assert {len(batch.documents) for batch in plan.batches} == {16}
        sizes |= {len(batch.real()) for batch in plan.batches}
        rows_used |= {row for row, _ in real}
    assert rows_used == set(range(16))
    assert sizes >= {1, 2, 3, 4, 5}


# ---------------------------------------------------------------- what is wrong


def test_a_refuted_member_is_wrong_even_where_the_audit_was_to_stay_open(kept: Verdict) -> None:
    """Promise: never REFUTED has no exception."""
    member = replace(ZOO[0], open=frozenset({"reset"}))
    said = wrong(member, verdict_of(kept, "reset", Outcome.BROKEN))
    assert "REFUTED" in said and "reset broken" in said


def test_a_member_that_keeps_the_contract_may_leave_nothing_open(kept: Verdict) -> None:
    """Promise: VERIFIED where the contract is kept, nothing less."""
    assert wrong(ZOO[0], kept) == ""
    assert "reset unproven" in wrong(ZOO[0], verdict_of(kept, "reset", Outcome.UNPROVEN))


def test_what_was_to_stay_open_must_stay_open_with_advice_that_helps(kept: Verdict) -> None:
    """Promise: a row that names a missed clause is held to it, and to what the author is told."""
    member = replace(ZOO[0], open=frozenset({"reset"}), advice="precision")
    helped = verdict_of(kept, "reset", Outcome.UNPROVEN, "mind the precision")
    assert wrong(member, helped) == ""
    assert "advice" in wrong(member, verdict_of(kept, "reset", Outcome.UNPROVEN, "try again"))
    assert "was to stay open" in wrong(member, kept)


def test_a_round_that_saw_nothing_differ_must_verify(kept: Verdict) -> None:
    """Promise: an audit may stay open for what was seen, never for what a member is known for."""
    member = replace(ZOO[0], open=frozenset({"reset"}), advice="precision")
    seen = Round(
        number=0, verdict=kept, nonce="", plan="", companions="", apart_nats=1e-5, deviates=False
    )
    assert as_seen(member, seen).answer is Answer.VERIFIED
    assert as_seen(member, replace(seen, deviates=True)) == member


# ---------------------------------------------------------------- run


def test_a_member_is_verified_in_every_round_and_not_run_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: the whole way, in real boxes; a second call on the same verifier shows it again."""
    monkeypatch.setattr(table, "verdict_inputs", lambda: "this one")
    member = next(member for member in ZOO if member.name == "own_tokenizer")
    (row,) = rows(tmp_path, [member], SMALL, Unwatched())
    assert row.wrong == ""
    assert row.answers == {"VERIFIED": 2}
    assert (row.nonces, row.plans, row.companions) == (2, 2, 2)
    assert row.apart_nats <= 1e-4

    def never(*_: object) -> Row:
        raise AssertionError("it was run again")

    monkeypatch.setattr(table, "run", never)
    assert list(rows(tmp_path, [member], SMALL, Unwatched())) == [row]


@pytest.mark.slow
def test_who_breaks_the_wire_is_refuted_in_every_round(tmp_path: Path) -> None:
    """Control: where a pass ends in a fault there is nothing to replay, and no verdict is kind."""
    cheat = Member(name="says_nan", parts=(CHEATS / "honest", CHEATS / "says_nan"))
    row = run(cheat, tmp_path, SMALL, Unwatched())
    assert row.answers == {"REFUTED": 2}
    assert "round 1: REFUTED" in row.wrong
    assert "protocol broken: NaN in answer to SCORE" in row.wrong


def test_what_does_not_train_is_wrong_without_a_round(tmp_path: Path) -> None:
    """Promise: a row without a verdict of a round is never taken for a good one."""
    part = tmp_path / "part"
    part.mkdir()
    (part / "train.py").write_text("raise SystemExit(3)\n", encoding="utf-8")
    stops = Member(name="stops", parts=(CHEATS / "honest", part))
    row = run(stops, tmp_path / "run", SMALL, Unwatched())
    assert row.answers == {}
    assert "nothing was trained" in row.wrong


@pytest.mark.slow
def test_who_looks_ahead_is_refuted_in_a_round(tmp_path: Path) -> None:
    """Control: the replays and the chain of the rounds find who looks ahead."""
    parts = CHEATS / "honest", CHEATS / "peeks"
    few = {**ONE_BATCH, "chain_uniform: 64": "chain_uniform: 8"}
    peeks = Member(name="peeks", parts=parts, policy=few)
    row = run(peeks, tmp_path, replace(SMALL, rounds=1), Unwatched())
    assert row.answers == {"REFUTED": 1}
    assert "round 0: REFUTED" in row.wrong
    assert "lookahead broken" in row.wrong
