"""Does what ships weigh no more than the cap? (R1, PROTOCOL §6)

Nothing that is objected to ships, so an odd file by itself buys nothing: a link or a device is an
honest mistake until shown otherwise. Extended attributes and files beyond the disk's bound are
not: no tool leaves them by accident, and they hold bytes that no file's size shows.
"""

from __future__ import annotations

from typing import Any

from verifier.audits.audit import (
    Audit,
    Reading,
    broken,
    each_seed,
    ended_well,
    kept,
    not_run,
    unproven,
)
from verifier.policy import Policy
from verifier.records import Evidence, SeedEvidence
from verifier.size import counted_bytes

HIDING = ("extended attributes", "bytes goes beyond")
SHOWN = 5


def judge(evidence: Evidence, seed: SeedEvidence, policy: Policy) -> Reading:
    """The policy's way of weighing against its cap, and nothing hidden beside it."""
    weighing, rule = seed.weighing, policy.size
    if weighing is None:
        return not_run("nothing was weighed")
    counted = counted_bytes(weighing, rule)
    shown: dict[str, Any] = {
        "counted_bytes": counted,
        "cap_bytes": rule.cap_bytes,
        "weigh": rule.weigh.value,
        "artifact_bytes": weighing.artifact_bytes,
        "name_bytes": weighing.name_bytes,
        "code_packed_bytes": weighing.code_packed_bytes,
        "code_raw_bytes": weighing.code_raw_bytes,
        "tokenizer_bytes": weighing.tokenizer_bytes,
        "tar_bytes": weighing.tar_bytes,
        "objections": list(weighing.objections[:SHOWN]),
    }
    if counted > rule.cap_bytes:
        over = counted - rule.cap_bytes
        return broken(f"{counted:,} bytes, {over:,} over the cap", "ship fewer bytes", **shown)
    if weighing.code_raw_bytes > rule.code_bytes:
        over = weighing.code_raw_bytes - rule.code_bytes
        return broken(
            f"{weighing.code_raw_bytes:,} bytes of source text, {over:,} more than may be read",
            "source that holds data is weights: put it into the artifact",
            **shown,
        )
    hiding = [said for said in weighing.objections if any(word in said for word in HIDING)]
    if hiding:
        return broken(f"bytes that no file's size shows: {hiding[0]}", **shown)
    if weighing.objections:
        return unproven(
            f"the output held what cannot ship: {weighing.objections[0]}",
            "leave only regular files and folders with plain names in $OUT",
            **shown,
        )
    if doubt := _unweighed(evidence, seed):
        return unproven(doubt, "score with what was packed, read from where it was left", **shown)
    if seed.training is not None and not ended_well(seed.training):
        return not_run("training did not end well: what it had left by then is not what ships")
    return kept(f"{counted:,} of {rule.cap_bytes:,} bytes", **shown)


def _unweighed(evidence: Evidence, seed: SeedEvidence) -> str:
    """Why what a script scores with may not be what was weighed, or "". A scorer gets no other."""
    if evidence.opening.submission.script is None:
        return ""
    behaviour = evidence.behaviour
    if seed.script is None or not seed.script.artifact:
        return "it left no artifact"
    if behaviour is None or not behaviour.artifact:
        return "at toy scale it reads no file that it leaves and that was made after it had learned"
    if behaviour.elsewhere:
        return f"it reads {behaviour.elsewhere[0]}, which it makes and does not leave"
    return ""


AUDIT = Audit(
    "artifact-size",
    "Everything that ships weighs no more than the cap.",
    "R1, PROTOCOL §6",
    each_seed(judge),
)
