"""Are the papers in order? verify.yaml's command and the source files, submission.json's claim.

Read only, as a verdict would read them; must never execute any of it.
"""

from __future__ import annotations

from verifier.records import Finding, Outcome
from verifier.source.parsing import parse
from verifier.source.unfollowed import Barrier
from verifier.submission import Submission

COMMAND, CLAIM = "train-command", "claim"
SCRIPT = ".py"


def train_command(submission: Submission) -> Finding:
    """Every script that `train` and `pack` name is there, and every source file parses."""
    manifest = submission.manifest
    commands = [("train", manifest.train)]
    commands += [("pack", manifest.pack)] if manifest.pack else []
    for key, command in commands:
        named = [word.removeprefix("./") for word in command if word.endswith(SCRIPT)]
        missing = [w for w in named if w not in submission.code and not w.startswith("/")]
        if missing:
            advice = f"write {missing[0]}, or mend `{key}` in verify.yaml"
            return _found(COMMAND, f"`{key}` names {missing[0]}, which is not there", advice)
    for path in submission.code:
        parsed = parse((submission.folder / path).read_bytes())
        if parsed.tree is None and parsed.barrier is not Barrier.LIMIT:
            place = f"{path}:{parsed.line}" if parsed.line else path
            return _found(COMMAND, f"{place}: {parsed.fault}", "mend the file")
    count = len(submission.code)
    said = f"{' '.join(manifest.train)}; {count} source file{'s parse' if count > 1 else ' parses'}"
    return Finding(audit=COMMAND, outcome=Outcome.KEPT, reason=said, rule="R9, PROTOCOL §2")


def claim(submission: Submission) -> Finding:
    """submission.json claims a number. Whether it is true only `verify` can tell."""
    bpb = submission.claim.val_bpb
    if bpb is None:
        advice = 'write "val_bpb" into submission.json: what `verify` measured, or a little more'
        return _found(CLAIM, "submission.json claims no val_bpb", advice, rule="PROTOCOL §8")
    said = f"val_bpb {bpb:g} is claimed; `verify` will measure it on the held-out documents"
    return Finding(audit=CLAIM, outcome=Outcome.KEPT, reason=said, rule="PROTOCOL §8")


def _found(audit: str, reason: str, advice: str, rule: str = "R9, PROTOCOL §2") -> Finding:
    return Finding(audit=audit, outcome=Outcome.UNPROVEN, reason=reason, rule=rule, advice=advice)
