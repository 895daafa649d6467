"""Every wall of every backend holds here, but for those that it says it lacks."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import opened
from verifier.errors import RequestError
from verifier.records import Assurance
from verifier.sandbox import BACKENDS
from verifier.sandbox.selfcheck import FAMILIES, Outcome, check, chosen
from verifier.watch import Unwatched

FINE = {Outcome.HELD, Outcome.LACKS}


# What a box with walls may lack on a machine like this one.
LACKS = {
    "gvisor": {
        *("read-tunnels", "read-mount-rights", "rights-order", "rights-devices", "bomb-threads"),
    },
    "docker": {"beside-locks", "call-kernel"},
    "bubblewrap": {"beside-locks", "call-kernel"},
}


# Families of many boxes, each of which gVisor takes a second to start.
MANY_BOXES = {"bombs", "late", "ending", "leavings"}
BY_THE_ENGINE = {"gvisor", "docker"}
CASES = [
    pytest.param(
        backend,
        family.name,
        marks=[pytest.mark.docker] * (backend in BY_THE_ENGINE)
        + [pytest.mark.slow] * (backend == "gvisor" and family.name in MANY_BOXES),
    )
    for backend in BACKENDS
    for family in FAMILIES
]


@pytest.mark.parametrize(("backend", "family"), CASES)
def test_every_wall_holds_or_is_listed_as_lacking(backend: str, family: str) -> None:
    """The promise of the threat model, tried on this machine."""
    checked = check(opened(backend), Unwatched(), [family])
    assert len(checked.answers) == len(chosen([family])[family])
    wrong = [a for a in checked.answers if a.outcome not in FINE | {Outcome.NOT_TRIED}]
    assert not wrong
    assert all(answer.said for answer in checked.answers if answer.outcome is not Outcome.HELD)
    if checked.level >= Assurance.L1:
        lacks = {a.probe for a in checked.answers if a.outcome is Outcome.LACKS}
        assert lacks <= LACKS[backend] | {"after-names"}


def test_what_is_wanted_must_be_there() -> None:
    """A misspelt probe must not become one that held."""
    with pytest.raises(
        RequestError, match=r"no probe or family 'net-tpc' \(did you mean net-tcp\?"
    ):
        chosen(["net-tpc"])
    assert [probe.id for probes in chosen(["net-tcp"]).values() for probe in probes] == ["net-tcp"]
    assert sum(map(len, chosen([]).values())) == sum(len(family.probes) for family in FAMILIES)
