"""What came of a recheck? Facts about what was handed over, and how deep it was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from verifier.pipeline.rechecking.trust import Signer
from verifier.records import Verdict


class Depth(StrEnum):
    """How far a recheck went."""

    ARITHMETIC = "arithmetic"
    DATA = "data"
    RESCORE = "rescore"


class Forged(Exception):
    """What was handed over contradicts itself or the data. Never leaves the pipeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongs:
    """What a bundle's parts show beside its ledger, in the words of `Looked`."""

    proved: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One depth: what it proved, what it did not, and what it could not settle, in sentences.

    A doubt is an open question about this verdict; what is `unproven` no such look can prove.
    """

    depth: Depth
    proved: tuple[str, ...]
    unproven: tuple[str, ...]
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rechecked:
    """A verdict decided again. `forged` says why it is none ("" where nothing contradicts).

    `verdict` is None where it did not come to one. `run_under`: the key that its nonce came from
    (hex), which may be another's than the signer's. `policy_as_shipped`: whether its policy is
    the one that ships under that name with this verifier; None where none does. `sha256` and
    `file_bytes` are the bundle's, "" and 0 for a folder.
    """

    named: str
    verdict: Verdict | None
    forged: str
    looked: tuple[Looked, ...]
    signer: Signer
    run_under: str = ""
    self_run: bool = True
    policy_digest: str = ""
    policy_as_shipped: bool | None = None
    sha256: str = ""
    file_bytes: int = 0

    @property
    def doubts(self) -> tuple[str, ...]:
        """What no depth could settle."""
        return tuple(doubt for each in self.looked for doubt in each.doubts)
