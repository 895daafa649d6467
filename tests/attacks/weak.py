"""Weak cheats: six ways to gain 0.003 nats a token on average, and how often each is seen.

Each is a scorer that peeks in the pass and is honest when asked blind. It runs once with every
position replayed, in boxes; then a thousand nonces are drawn offline from what that recorded, and
one of them is replayed in boxes again. The honest scorer that all are built on is the control.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from tests.attacks import again, nonces, split
from tests.attacks.again import replay_again
from tests.attacks.nonces import NONCES, Recorded, Tally, nonce, tally
from tests.attacks.rows import Planned, Row
from tests.cheats.running import IGNORED, cheats_policy, own_store
from tests.tested import files_digest, folder_digest
from verifier import installed, pipeline, sampling
from verifier.audits.number import alpha_of_attempt
from verifier.errors import BrokenInvariant
from verifier.ledger import Ledger
from verifier.policy import PolicyFile
from verifier.records import (
    Answer,
    HeldOutFacts,
    NonceOpened,
    Opening,
    Outcome,
    Pass,
    Replay,
    Verdict,
)
from verifier.watch import Watch

HERE = Path(__file__).parent / "scorers"
USED = (again, nonces, split)
BASE = "ngram"
DRAWS = (500, 2_000, 10_000)
GAIN_NATS, GAIN_WITHIN = 0.003, 0.0015
SEEN_ALPHAS = (0.05, 0.5)
"""Beside the policy's α. Without a deviation δ is about B ln(2/α)/m: only at so large an α can it
fall below 0.003 nats, so that a bound that errs too often would show in 1,000 nonces."""
SCORERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Weak:
    """One cheat: `audit` names it when every position is asked; None: it is the honest one."""

    name: str
    title: str
    audit: str | None
    trainer: str = ""


HONEST = Weak(name="honest", title="honest n-grams", audit=None)
CHEATS = (
    Weak(name="every_token", title="all tokens a little", audit="lookahead"),
    Weak(name="few_tokens", title="0.05 % of tokens a lot", audit="normalization"),
    Weak(name="few_documents", title="0.1 % of documents", audit="lookahead"),
    Weak(name="after_a_hundred", title="only after 100 documents", audit="reset"),
    Weak(
        name="where_hard",
        title="only where the reference says hard",
        audit="normalization",
        trainer="train_with_bigram.py",
    ),
    Weak(name="one_of_two", title="only in one of two scorers", audit="reset"),
)


def rows(place: Path, watch: Watch) -> Iterator[Planned]:
    """A verdict with everything asked, and a thousand nonces for each number of draws.

    At last the honest one again under policies that sample, from its training on.
    """
    for weak in (HONEST, *CHEATS):
        run = Run(weak, place, watch)
        yield Planned(name=weak.title, digest=run.digest, run=partial(verdict_row, run))
        for draws in DRAWS:
            name = f"{weak.title}, m = {draws:,}"
            yield Planned(name=name, digest=run.digest, run=partial(nonces_row, run, draws))
    honest = Run(HONEST, place, watch)
    for draws in DRAWS:
        name = f"{HONEST.title}, policy with m = {draws:,}"
        yield Planned(name=name, digest=honest.digest, run=partial(sampled_row, honest, draws))


# ---------------------------------------------------------------- one cheat, for real


def composed(weak: Weak, folder: Path) -> Path:
    """The submission in `folder`: the example, and for a cheat its scorer instead."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(installed.path("examples") / BASE, folder, ignore=IGNORED)
    if weak is HONEST:
        return folder
    changed = {"scorer: scorer:Scorer": f"scorer: {weak.name}:Scorer"}
    names = ["peeking.py", f"{weak.name}.py"]
    if weak.trainer:
        changed["[python3, train.py]"] = f"[python3, {weak.trainer}]"
        names.append(weak.trainer)
    for name in names:
        shutil.copy(HERE / name, folder / name)
    manifest = (folder / "verify.yaml").read_text(encoding="utf-8")
    for old, new in changed.items():
        if old not in manifest:
            raise BrokenInvariant(f"examples/{BASE} has no line {old!r}")
        manifest = manifest.replace(old, new)
    (folder / "verify.yaml").write_text(manifest, encoding="utf-8")
    return folder


def policy(draws: int | None = None) -> PolicyFile:
    """The embedded default's rules without its short limits; `draws` None asks everything."""
    changes = {"limit_seconds: 300": "limit_seconds: 3600"}
    if draws is not None:
        changes |= {"mode: all": "mode: sampled", "draws: 0": f"draws: {draws}"}
    return cheats_policy(changes)


class Run:
    """One submission, verified with every position asked; run when first looked at."""

    def __init__(self, weak: Weak, place: Path, watch: Watch) -> None:
        """Everything lies below `place`, so that a run that was ended is taken up again."""
        self.weak, self.place, self.watch = weak, place, watch
        self.folder = composed(weak, place / "submissions" / weak.name)

    @cached_property
    def digest(self) -> str:
        """Over all that its rows are made of."""
        whole = hashlib.sha256(folder_digest(self.folder).encode())
        used = [Path(__file__), *(Path(each.__file__) for each in USED)]
        whole.update(files_digest(used).encode())
        whole.update(policy().text)
        return whole.hexdigest()

    def request(self, rules: PolicyFile) -> pipeline.Request:
        """What is asked of the pipeline under these rules."""
        return pipeline.Request(
            reference=str(self.folder),
            policy=rules,
            out=self.place / "runs",
            scorers=SCORERS,
            key=self.place / "key.pem",
            data=split.build(self.place / "data" / split.NAME).folder,
        )

    def verified(self, rules: PolicyFile) -> tuple[Ledger, Verdict]:
        """The finished ledger under these rules; a run that was finished is shown again."""
        with own_store(self.place / "store"):
            report = pipeline.verify(self.request(rules), self.watch)
        return Ledger.open(report.folder / "ledger"), report.verdict

    @cached_property
    def whole(self) -> tuple[Ledger, Verdict]:
        """With every position asked."""
        return self.verified(policy())

    @cached_property
    def recorded(self) -> Recorded:
        """Charges and blind costs of every target."""
        ledger, verdict = self.whole
        replays = ledger.find(Replay)
        if not replays or len(replays[0].blind) != len(ledger.find(Pass)[0].charges):
            raise BrokenInvariant(f"{self.weak.title}: not replayed whole: {verdict.line}")
        (scored,), (replay,), rule = ledger.find(Pass), replays, policy().policy.replay
        return Recorded(
            charges=scored.charges,
            blind=replay.blind,
            reference=scored.reference,
            score_root=scored.score_root,
            slack_nats=rule.slack_nats,
            tau=rule.tau_nats,
        )


# ---------------------------------------------------------------- rows


def verdict_row(run: Run) -> Row:
    """Everything asked: the honest one is VERIFIED, a cheat REFUTED by its audit alone."""
    ledger, verdict = run.whole
    audit = run.weak.audit
    broken = [f.audit for f in verdict.findings if f.outcome is Outcome.BROKEN]
    answer = Answer.VERIFIED if audit is None else Answer.REFUTED
    said = []
    if verdict.answer is not answer or broken != [audit] * (audit is not None):
        reasons = {f.audit: f.reason for f in verdict.findings if f.outcome is not Outcome.KEPT}
        said.append("; ".join(f"{name}: {reason}" for name, reason in reasons.items()))
    recorded = run.recorded
    gained, capped = recorded.mean_gained(), recorded.mean_capped()
    meant = 0.0 if audit is None else GAIN_NATS
    if abs(capped - meant) > (recorded.tau if audit is None else GAIN_WITHIN):
        said.append(f"gains {capped:.5f} nats, {meant} was meant")
    deviating = float(recorded.deviates.mean())
    return Row(
        expected=answer.value + (f" ({audit})" if audit else ""),
        got=verdict.answer.value
        + (f" ({', '.join(broken)})" if broken else "")
        + f": mean of g {capped:.5f}, of b − x {gained:.5f} nats, {deviating:.3%} of tokens moved",
        wrong="; ".join(said),
        figures={
            "targets": len(recorded.charges),
            "documents": len(ledger.find(HeldOutFacts)[0].target_counts),
            "mean_capped_nats": capped,
            "mean_gained_nats": gained,
            "deviating_share": deviating,
            "bpb": verdict.bpb,
        },
    )


def nonces_row(run: Run, draws: int) -> Row:
    """A thousand nonces offline, and the first of them in boxes."""
    alpha = policy().policy.replay.alpha
    with run.watch.phase(f"{NONCES:,} nonces of {draws:,} draws", NONCES) as progress:
        found = tally(run.recorded, draws, (alpha, *SEEN_ALPHAS), advance=progress.advance)
    with own_store(run.place / "store"):
        replayed = replay_again(run.request(policy()), policy(draws), nonce(0), run.watch)
    box = compared(run.recorded, replayed.draws, replayed.blind, nonce(0), alpha)
    below = ", ".join(f"{count} at α = {a:g}" for a, count in found.below.items())
    allowed = ", ".join(f"{a * NONCES:g} at α = {a:g}" for a in found.below)
    return Row(
        expected=f"{found.expected:.1%} see it; δ < mean of g in ≤ {allowed}; box agrees",
        got=f"{found.seen / NONCES:.1%} see it; δ < mean of g in {below}; "
        f"median δ {found.median_delta[alpha]:.5f}; {box.said}",
        wrong="; ".join(filter(None, (found.wrong(), box.wrong))),
        figures=figures(found) | numbers(box),
    )


def figures(found: Tally) -> dict[str, float]:
    """A tally as flat numbers."""
    flat = {
        "draws": found.draws,
        "nonces": found.nonces,
        "seen": found.seen,
        "expected_share": found.expected,
        "mean_capped_nats": found.mean_capped,
    }
    for alpha, count in found.below.items():
        flat[f"below_at_{alpha:g}"] = count
        flat[f"median_delta_nats_at_{alpha:g}"] = found.median_delta[alpha]
    return flat


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A sampled replay in boxes beside the offline draw; nats."""

    box_positions: int
    box_apart_nats: float
    box_delta_nats: float
    offline_delta_nats: float
    said: str
    wrong: str


def numbers(box: Compared) -> dict[str, float]:
    """What was compared, without the words."""
    return {name: value for name, value in asdict(box).items() if not isinstance(value, str)}


def compared(
    recorded: Recorded, draws: np.ndarray, blind: np.ndarray, under: bytes, alpha: float
) -> Compared:
    """The same positions, the same blind costs within τ, and so the same δ within 2 τ.

    Each Y is g/(N π) with N π ≥ ½: costs that move by τ move δ by 2 τ at most.
    """
    weights = sampling.weights(recorded.charges, recorded.reference, recorded.slack_nats)
    offline = sampling.draw(under, recorded.score_root, weights, len(draws))
    deltas = [
        sampling.bound(
            draws,
            recorded.charges,
            costs,
            recorded.reference,
            slack_nats=recorded.slack_nats,
            tau=recorded.tau,
            alpha=alpha,
        ).delta_nats
        for costs in (blind, recorded.blind)
    ]
    apart = float(np.abs(blind[offline].astype(np.float64) - recorded.blind[offline]).max())
    said = []
    if not np.array_equal(draws, offline):
        said.append("the box was asked at other positions")
    if not apart <= recorded.tau:
        said.append(f"a blind cost is {apart:g} nats from the recorded one")
    if not abs(deltas[0] - deltas[1]) <= 2 * recorded.tau:
        said.append(f"the box's δ is {deltas[0]:.6f}, not {deltas[1]:.6f}")
    return Compared(
        box_positions=len(np.unique(draws)),
        box_apart_nats=apart,
        box_delta_nats=deltas[0],
        offline_delta_nats=deltas[1],
        said=f"box: {len(draws):,} draws {'' if not said else 'dis'}agree, "
        f"costs {apart:.1g} apart, δ {deltas[0]:.5f}",
        wrong="; ".join(said),
    )


def sampled_row(run: Run, draws: int) -> Row:
    """The honest one under a policy that samples: pass, draws and δ of its own, as drawn offline.

    Its charges are those of the other run, so its draws and its δ can be had from what that
    recorded, under the nonce and the score root of this one.
    """
    rules = policy(draws)
    ledger, verdict = run.verified(rules)
    (opening,), (opened,), (scored,), (replay,), (facts,) = map(
        ledger.find, (Opening, NonceOpened, Pass, Replay, HeldOutFacts)
    )
    recorded = Recorded(
        charges=run.recorded.charges,
        blind=run.recorded.blind,
        reference=run.recorded.reference,
        score_root=scored.score_root,
        slack_nats=rules.policy.replay.slack_nats,
        tau=rules.policy.replay.tau_nats,
    )
    blind = np.full(len(scored.charges), np.nan, dtype=np.float32)
    blind[replay.targets] = replay.blind
    alpha = alpha_of_attempt(rules.policy.replay.alpha, opening.attempt)
    box = compared(recorded, replay.draws, blind, bytes.fromhex(opened.nonce), alpha)
    delta_bpb = box.offline_delta_nats * facts.targets / (np.log(2) * facts.document_bytes)
    said = [box.wrong] if box.wrong else []
    if not np.array_equal(scored.charges, recorded.charges):
        said.append("another pass charged otherwise")
    if verdict.answer is not Answer.VERIFIED:
        said.append(verdict.line)
    if verdict.delta_bpb is None or abs(verdict.delta_bpb - delta_bpb) > 1e-4:
        said.append(f"the verdict's δ is {verdict.delta_bpb} bpb, offline {delta_bpb:.6f}")
    return Row(
        expected=f"VERIFIED, δ {delta_bpb:.5f} bpb; box agrees",
        got=f"{verdict.answer.value}, δ {verdict.delta_bpb or float('nan'):.5f} bpb; {box.said}",
        wrong="; ".join(said),
        figures=numbers(box) | {"delta_bpb": verdict.delta_bpb, "attempt": opening.attempt},
    )
