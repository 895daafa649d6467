"""Which rules does nobody check yet? Listed, so that silence is not taken for a pass."""

from __future__ import annotations

from verifier.audits.audit import Audit, Judge, Reading, not_run
from verifier.policy import Policy
from verifier.records import Evidence


def _never_run(reason: str) -> Judge:
    def read(_: Evidence, __: Policy) -> Reading:
        return not_run(reason)

    return read


PROVENANCE = Audit(
    "provenance",
    "The weights are what this code made of the training data.",
    "R4, PROTOCOL §1",
    _never_run("not built yet: that training made the weights is not checked"),
)
TWIN = Audit(
    "twin",
    "The held-out text was not memorised from elsewhere.",
    "R4, PROTOCOL §1",
    _never_run("not built yet: that public held-out text was not memorised is not checked"),
)
