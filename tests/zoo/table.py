"""`make zoo`: every honest submission under many nonces, batch plans and companions.

Each member of the zoo and each example is verified once as a participant would: trained, weighed,
scored and sampled on all held-out documents under the embedded default's rules. Its artifact then
goes through 20 rounds (`rounds.py`). No verdict may ever be REFUTED, and each must be the one
that the member's row names. What the same verifier did with the same files is kept under `out/zoo/`
and not run again. Ends with 1 if anything is not as it must be.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.cheats.running import own_store
from tests.tested import commit, files_digest, folder_digest, verdict_inputs
from tests.zoo.catalog import ZOO, Member, composed, examples
from tests.zoo.plans import UNHURRIED, planned, rounds_policy
from tests.zoo.rounds import Round, Rounds
from verifier import pipeline, store
from verifier import policy as policies
from verifier import submission as submissions
from verifier.cli.watching import watcher
from verifier.pipeline.calibrate import Named
from verifier.pipeline.evidence import conclude
from verifier.pipeline.preparation import Preparation, prepare
from verifier.pipeline.seed import trained_well
from verifier.pipeline.verify import run_seeds
from verifier.policy import PolicyFile
from verifier.records import Answer, Outcome, Verdict
from verifier.submission import Submission
from verifier.watch import Watch

ROUNDS = 20
DOCUMENTS = 6
SCORERS = 2
PLAIN_WIDTH = 120
HEADS = (
    "submission",
    "must be",
    "first run",
    "bpb",
    "rounds",
    "nonces/plans/companions",
    "|blind − charge|",
    "seconds",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One submission's row; `wrong` says in words what should not have been, "" if all is well.

    `answers` counts the verdicts of its rounds; `nonces`, `plans` and `companions` how many
    different ones they had; `advice` is what its author is told where something stays open;
    `commit` is the one that it ran on.
    """

    name: str
    expected: str
    whole: str
    bpb: float | None
    answers: dict[str, int]
    nonces: int
    plans: int
    companions: int
    apart_nats: float
    advice: str
    seconds: float
    wrong: str
    commit: str = field(default_factory=commit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is run: rounds, documents of each, documents of the first run (None: all), boxes."""

    rounds: int = ROUNDS
    documents: int = DOCUMENTS
    whole: int | None = None
    scorers: int = SCORERS


# ---------------------------------------------------------------- one submission


def whole_policy(member: Member, size: Size) -> PolicyFile:
    """The embedded default's rules with a sampled replay; any documents where not all are asked."""
    if size.whole is not None:
        return rounds_policy(member.policy)
    text = policies.load("local_cpu").text.decode()
    changes = {
        "name: local_cpu": "name: zoo_whole",
        "mode: all": "mode: sampled",
        "draws: 0": "draws: 600",
        **UNHURRIED,
        **member.policy,
    }
    for old, new in changes.items():
        assert old in text, f"the policy has no line {old!r}"
        text = text.replace(old, new)
    return policies.parse(text.encode(), "zoo_whole.yaml")


def run(member: Member, place: Path, size: Size, watch: Watch) -> Row:
    """Verify a member and go through its rounds under `place`, where an earlier try may lie."""
    began = time.monotonic()
    with own_store(place / "store"):
        request = pipeline.Request(
            reference=str(composed(member, place / member.name)),
            policy=whole_policy(member, size),
            out=place / "out",
            key=place / "key.pem",
            scorers=size.scorers,
            documents=size.whole,
        )
        submission = submissions.pull(request.reference, store.root())
        assert isinstance(submission, Submission), f"{member.name} is no scorer"
        with prepare(request, submission, watch) as preparation:
            ledger = preparation.ledger
            if not ledger.find(Verdict):
                run_seeds(preparation)
            verdict = conclude(ledger, preparation.trial.key, request, watch).verdict
            rounds = gone_through(member, preparation, size)
    return row(member, verdict, rounds, time.monotonic() - began)


def gone_through(member: Member, preparation: Preparation, size: Size) -> list[Round]:
    """All rounds of what was trained; none where nothing was."""
    if trained_well(preparation, preparation.seeds[0]) is None:
        return []
    available, rows_of_batch = (
        len(preparation.targets.offsets) - 1,
        preparation.submission.manifest.rows,
    )
    plans = [
        planned(member.name, number, available, size.documents, rows_of_batch)
        for number in range(size.rounds)
    ]
    rules = rounds_policy(member.policy)
    return Rounds(preparation, preparation.ledger.evidence(), rules, plans).run()


def row(member: Member, whole: Verdict, rounds: Sequence[Round], seconds: float) -> Row:
    """What is printed of a member, and whether it is as it must be."""
    said = [f"all documents: {text}" for text in [wrong(member, whole)] if text]
    said += [
        f"round {r.number}: {text}"
        for r in rounds
        if (text := wrong(as_seen(member, r), r.verdict))
    ]
    if not rounds:
        said.append("nothing was trained that could go through a round")
    apart = [r.apart_nats for r in rounds if not math.isnan(r.apart_nats)]
    return Row(
        name=member.name,
        expected=member.answer.value,
        whole=whole.answer.value,
        bpb=whole.bpb,
        answers=dict(Counter(r.verdict.answer.value for r in rounds)),
        nonces=len({r.nonce for r in rounds}),
        plans=len({r.plan for r in rounds}),
        companions=len({r.companions for r in rounds}),
        apart_nats=max(apart, default=math.nan),
        advice="; ".join(sorted({f.advice for f in whole.findings if _open(f.audit, whole)})),
        seconds=seconds,
        wrong="; ".join(said),
    )


def as_seen(member: Member, round_: Round) -> Member:
    """What must be said of a member in a round: what nobody's draw hit, nobody can leave open."""
    return member if round_.deviates else replace(member, open=frozenset(), advice="")


def wrong(member: Member, verdict: Verdict) -> str:
    """What in a verdict is not as the member's row says, in words; "" if nothing."""
    found = {finding.audit: finding for finding in verdict.findings}
    still_open = {name for name in verdict.required if _open(name, verdict)}
    said = [] if verdict.answer is member.answer else [verdict.answer.value]
    for name in verdict.required:
        finding = found[name]
        if (finding.outcome is Outcome.BROKEN) or (name in still_open - member.open):
            said.append(f"{name} {finding.outcome.value}: {finding.reason}")
        elif name in member.open and name not in still_open:
            said.append(f"{name} was to stay open")
    told = " ".join(found[name].advice for name in still_open)
    if member.advice and member.advice not in told:
        said.append(f"its advice does not speak of {member.advice!r}: {told!r}")
    return ", ".join(said)


def _open(name: str, verdict: Verdict) -> bool:
    """Whether a required audit is neither kept nor broken."""
    outcomes = {f.audit: f.outcome for f in verdict.findings}
    return name in verdict.required and outcomes[name] in {Outcome.UNPROVEN, Outcome.NOT_RUN}


# ---------------------------------------------------------------- all of them


def rows(out: Path, wanted: Sequence[Member], size: Size, watch: Watch) -> Iterator[Row]:
    """Every row in order; what this verifier did before with these files is shown again."""
    version, ways = (
        verdict_inputs(),
        files_digest(sorted(Path(__file__).parent.glob("[!_]*.py")))[:8],
    )
    for member in wanted:
        digest = folder_digest(composed(member, out / "composed" / member.name))[:12]
        name = f"{member.name}-{digest}-{size.rounds}-{size.documents}"
        place = out / f"{version}-{ways}" / name
        kept = place / "row.json"
        if kept.exists():
            watch.note(f"{member.name} was run before on this verifier")
            yield Row(**json.loads(kept.read_text(encoding="utf-8")))
            continue
        place.mkdir(parents=True, exist_ok=True)
        made = run(member, place, size, Named(watch, member.name))
        kept.write_text(json.dumps(asdict(made)), encoding="utf-8")
        yield made


def shown(made: Row) -> tuple[str, ...]:
    """The cells of a printed row."""
    counted = ", ".join(f"{count} {answer}" for answer, count in sorted(made.answers.items()))
    bpb = "–" if made.bpb is None else f"{made.bpb:.4f}"
    different = f"{made.nonces}/{made.plans}/{made.companions}"
    apart = f"{made.apart_nats:.1e}"
    return (
        made.name,
        made.expected,
        made.whole,
        bpb,
        counted,
        different,
        apart,
        f"{made.seconds:.0f}",
    )


def arguments(members: Sequence[Member]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="make zoo", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; default: all")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help="of each round")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.names) - {member.name for member in members}):
        parser.error(f"there is no {unknown[0]}: {', '.join(member.name for member in members)}")
    return asked


def main() -> int:
    """Run and print; 1 if anything is wrong."""
    members = (*ZOO, *examples())
    asked = arguments(members)
    size = Size(rounds=asked.rounds, documents=asked.documents)
    wanted = [member for member in members if not asked.names or member.name in asked.names]
    out = Path(os.environ.get("OUT", "out")) / "zoo"
    plain = Console(stderr=asked.json)
    console = plain if plain.is_terminal else Console(stderr=asked.json, width=PLAIN_WIDTH)
    done, version = [], verdict_inputs()
    for made in rows(out, wanted, size, watcher(quiet=False)):
        done.append(made)
        console.print(" · ".join(shown(made)), highlight=False)
        for text in filter(None, (made.wrong and f"WRONG: {made.wrong}", made.advice)):
            console.print(f"  {text}", highlight=False, markup=False)
    bad = sum(bool(made.wrong) for made in done)
    refuted = sum(made.answers.get(Answer.REFUTED.value, 0) for made in done)
    refuted += sum(made.whole == Answer.REFUTED.value for made in done)
    commits = ", ".join(dict.fromkeys(made.commit for made in done))
    table = Table(*HEADS, title=f"verifier {version}, commit {commits}")
    for made in done:
        table.add_row(*shown(made))
    console.print(table)
    console.print(f"{len(done)} submissions, {refuted} verdicts REFUTED, {bad} submissions wrong")
    if asked.json:
        print(json.dumps([asdict(made) for made in done], indent=2))
    return 1 if bad or refuted else 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
