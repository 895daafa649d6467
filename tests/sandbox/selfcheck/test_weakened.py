"""A wall taken away is noticed: a self-check that cannot fail would be none."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import pytest

from tests.sandbox import weakened
from tests.sandbox.conftest import opened
from tests.sandbox.weakened import WEAKNESSES, Weakness
from verifier.errors import BoxNotAsAsked
from verifier.sandbox import docker as backend
from verifier.sandbox.selfcheck import FAMILIES, guest
from verifier.watch import Unwatched

QUICK = {
    "gvisor": ("kernel of its own", "read-only inputs", "system call filter", "killed as a whole"),
    "docker": (
        "network",
        "user",
        "system call filter",
        "private folders",
        "log limit",
        "no mounts besides",
    ),
    "bubblewrap": (
        "network",
        "read-only inputs",
        "own mounts",
        "capabilities",
        "memory",
        "no mounts besides",
    ),
    "plain": ("Landlock", "system call filter", "nothing left open"),
}
CASES = [
    pytest.param(
        w,
        marks=[pytest.mark.docker] if w.backend in {"docker", "gvisor"} else [],
        id=f"{w.backend} {w.wall}",
    )
    for w in WEAKNESSES
    if w.wall in QUICK[w.backend]
]


@pytest.mark.parametrize("weakness", CASES)
def test_a_wall_taken_away_is_noticed(weakness: Weakness) -> None:
    """`make weakened` takes the others away too."""
    opened(weakness.backend)
    assert weakened.broken(weakness)


def test_every_wall_of_the_quick_ones_is_there() -> None:
    """A wall that was renamed must not drop out in silence."""
    assert len(CASES) == sum(map(len, QUICK.values()))


@pytest.mark.docker
@pytest.mark.parametrize(
    "wall", ["network", "private folders' size", "no new privileges", "system call filter"]
)
def test_no_weakened_container_is_started(wall: str) -> None:
    """Whoever weakens what is asked for is refused when it is read back."""
    engine = opened("docker")
    (weakness,) = (w for w in WEAKNESSES if (w.backend, w.wall) == ("docker", wall))
    comparing = backend.require_same
    with ExitStack() as stack:
        weakness.weaken(stack)
        weakened.patch(backend, "require_same", comparing)(stack)
        with pytest.raises(BoxNotAsAsked):
            weakened.check(engine, Unwatched(), ["rights-user"])


def test_a_box_that_prints_that_it_held_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Attack: the whole program in the box is another one, and prints what looks like answers."""
    forged = 'os.write(1, b"held\\n" + json.dumps({"probe": "bomb-tmp", "said": {}}).encode())'
    monkeypatch.setattr(guest, "DRIVER", f"import json, os\nprobes = PROBES\n{forged}\n")
    checked = weakened.check(opened("plain"), Unwatched(), ["calls", "bomb-tmp"])
    assert {answer.outcome for answer in checked.answers} == {weakened.Outcome.BROKE}


def test_a_probe_that_crashes_has_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in a probe is a broken probe, and the others are judged all the same."""
    from verifier.sandbox import selfcheck

    first, *rest = (family for family in FAMILIES if family.name == "rights")
    assert not rest
    broken = replace(first.probes[0], source='raise ValueError("a mistake")')
    changed = replace(first, probes=(broken, *first.probes[1:]))
    families = tuple(changed if family is first else family for family in FAMILIES)
    monkeypatch.setattr(selfcheck, "FAMILIES", families)
    checked = weakened.check(opened("plain"), Unwatched(), ["rights"])
    outcomes = {answer.probe: answer.outcome for answer in checked.answers}
    assert outcomes.pop(broken.id) is weakened.Outcome.BROKE
    assert weakened.Outcome.BROKE not in outcomes.values()
