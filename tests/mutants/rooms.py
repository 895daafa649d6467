"""Which code is made faulty, and which tests must notice? Only the room's own, so: fast ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Room:
    """`sources` are patterns of files in the checkout, `tests` what pytest is given.

    `but` are tests of long simulations and of every byte: a survivor would cost minutes, and what
    they show of a whole is shown of its parts by others.
    """

    name: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]
    but: tuple[str, ...] = ()


_SIMULATED = tuple(
    f"tests/sampling/test_bounding.py::test_{name}"
    for name in (
        "rare_gains_are_missed_as_often_as_alpha_allows_and_no_more",
        "the_bound_is_below_the_truth_no_more_often_than_alpha",
        "a_smaller_risk_never_lowers_delta",
        "a_dearer_blind_cost_never_lowers_delta",
    )
)

_FLIPPED = tuple(
    f"tests/ledger/test_damage.py::test_{name}"
    for name in (
        "every_single_flipped_byte_is_refused_at_its_place",
        "flipped_bits_anywhere_in_a_ledger_of_every_kind_are_refused",
    )
)

_MACHINES = tuple(
    f"tests/gpus/test_{name}.py" for name in ("fairness", "use", "watched", "recordings", "scenes")
)

ROOMS = (
    Room("verdict", ("verifier/verdict.py",), ("tests/test_verdict.py", "tests/audits")),
    Room("metric", ("verifier/metric.py",), ("tests/test_metric.py",)),
    Room("sampling", ("verifier/sampling",), ("tests/sampling",), _SIMULATED),
    Room("audits", ("verifier/audits/[!g]*.py",), ("tests/audits", "tests/test_verdict.py")),
    Room("gpus", ("verifier/audits/gpu*.py",), ("tests/audits/test_gputrace.py", *_MACHINES)),
    Room("ledger", ("verifier/ledger",), ("tests/ledger",), _FLIPPED),
    Room("policy", ("verifier/policy",), ("tests/test_policy.py",)),
    Room("scoring", ("verifier/scoring",), ("tests/scoring",)),
    Room("weigh", ("verifier/submission/weigh.py",), ("tests/submission/test_weigh.py",)),
)


def files(root: Path, places: tuple[str, ...]) -> list[str]:
    """The files at `places` of a checkout, as paths from its root, sorted."""
    found = set()
    for place in places:
        for path in root.glob(place):
            found |= set(path.rglob("*")) if path.is_dir() else {path}
    names = (path.relative_to(root).as_posix() for path in found if path.is_file())
    return sorted(name for name in names if "__pycache__" not in name)
