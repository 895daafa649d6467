"""What took how long, on the host's clock, and how long might it have taken?

Must never read a clock of the box's.
"""

from __future__ import annotations

from dataclasses import dataclass

from verifier.policy import Policy
from verifier.records import EndedBy
from verifier.report import words
from verifier.report.model import ScriptRun, Seed


@dataclass(frozen=True, slots=True)
class Phase:
    """One bar of the timeline: host seconds at most, and the limit on them (None: no limit)."""

    name: str
    seconds: float
    limit_seconds: float | None
    stopped: bool = False

    @property
    def late(self) -> bool:
        """Stopped, or beyond its limit."""
        limit = self.limit_seconds
        return self.stopped or (limit is not None and self.seconds > limit)

    def used(self) -> str:
        """Used, and allowed."""
        used = words.seconds(self.seconds)
        if self.limit_seconds is None:
            return used
        return f"{used.removesuffix(' s')} of {words.seconds(self.limit_seconds)}"


def phases(seed: Seed, policy: Policy | None) -> list[Phase]:
    """What took time, in order. Limits that only the policy knows need the policy."""
    training, scoring, replay = seed.training, seed.scoring, seed.replay
    found: list[tuple[str, float | None, float | None, bool]] = []
    if training is not None:
        stopped = training.ended_by is not EndedBy.ITSELF
        rule = None if policy is None else policy.train
        found += [
            ("init", training.init_seconds, None if rule is None else rule.init_seconds, False),
            ("train", training.wall_seconds[1], training.limit_seconds, stopped),
            ("pack", training.pack_seconds, None if rule is None else rule.pack_seconds, False),
        ]
    if seed.script is not None:
        found += _of_script(seed.script, policy)
    if scoring is not None:
        limit = None if policy is None else policy.score.limit_seconds
        found.append(("pass", scoring.busy_seconds, limit, False))
    if scoring is not None and replay is not None:
        busy, most = scoring.busy_seconds, None
        if policy is not None and busy is not None:
            most = policy.replay.busy_seconds(busy, policy.score.limit_seconds)
        found.append(("replay", replay.busy_seconds, most, False))
    return [Phase(name, s, limit, late) for name, s, limit, late in found if s is not None]


def _of_script(
    run: ScriptRun, policy: Policy | None
) -> list[tuple[str, float | None, float | None, bool]]:
    """Until its artifact was complete, and from then on; else the whole run."""
    stopped, total = run.ended_by is not EndedBy.ITSELF, run.wall_seconds[1]
    if run.artifact_seconds is None or run.artifact_seconds[1] is None or total is None:
        return [("run", total, None, stopped)]
    until = run.artifact_seconds[1]
    rule = None if policy is None else policy.train
    allowed = None if rule is None else rule.limit_seconds + rule.pack_seconds
    limit = None if policy is None else policy.score.limit_seconds
    return [("artifact", until, allowed, False), ("score", total - until, limit, stopped)]
