"""What is asked of a trial at home, and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from verifier.policy import PolicyFile
from verifier.records import Finding, Outcome

TRAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TryRequest:
    """One trial.

    `artifact`: what training left, in a folder. `train`: train anew, for at most `train_seconds`.
    With neither, the artifact of the last `verify` or `try` of the same folder is used; where
    there is none, it is trained. `image`: auto (pinned if the store has it, else this Python),
    pinned or host.
    """

    reference: str
    policy: PolicyFile
    artifact: Path | None = None
    train: bool = False
    train_seconds: float = TRAIN_SECONDS
    image: str = "auto"
    data: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a trial found of `reference`, which calls itself `name`.

    `findings` are in the order in which they are to be read. `artifact`, `ground` and `tried_on`
    say in words what was scored with, where, and on what; `notes` what a reader should know beside;
    `words` what a token that an example names is, by audit id; `said` is what the scorer itself
    said when it failed.
    """

    reference: str
    name: str
    findings: tuple[Finding, ...]
    artifact: str
    ground: str
    tried_on: str
    words: dict[str, str]
    said: str
    notes: tuple[str, ...]
    seconds: float

    @property
    def exit_code(self) -> int:
        """0: nothing was found, 1: something is broken, 2: something could not be shown."""
        outcomes = {finding.outcome for finding in self.findings}
        if Outcome.BROKEN in outcomes:
            return 1
        return 0 if outcomes == {Outcome.KEPT} else 2
