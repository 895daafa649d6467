"""What would make a time limit on a card unproven is told before a run, with what mends it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.doctor.test_confinement import machine
from verifier.pipeline.doctor import Check, State, cards, gpus

REFUSED = {"error": 3}
CARD: dict[str, Any] = {
    "name": "NVIDIA H100 80GB HBM3",
    "throttle_reasons": 1,
    "set_mhz": 1980,
    "default_mhz": 1980,
    "power_limit_mw": 700_000,
    "power_default_mw": 700_000,
    "persistence": 1,
    "ecc": [1, 1],
    "ecc_uncorrected": 0,
    "remapped_rows": [0, 0, 0, 0],
    "compute_mode": 0,
    "mig": [0, 0],
    "contexts": [],
    "mps_contexts": [],
    "events": "told",
}


def amiss(**changes: Any) -> list[Check]:
    """What is remarked of a good card with these answers."""
    checks = [*cards.judged({"0": {**CARD, **changes}})]
    return [check for check in checks if check.state is not State.WELL]


def test_a_good_card_is_no_remark() -> None:
    """The power cap of full work, and idling, are its own."""
    assert amiss() == []
    assert amiss(throttle_reasons=4) == []
    assert amiss(set_mhz=REFUSED, default_mhz=REFUSED) == []
    assert amiss(power_limit_mw=800_000) == []


@pytest.mark.parametrize(
    ("changes", "about", "said", "remedy"),
    [
        ({"throttle_reasons": 2}, "GPU clocks", "lower clocks that somebody set", "-rac"),
        ({"throttle_reasons": 0x40}, "GPU clocks", "slowed by heat", "-rgc"),
        ({"throttle_reasons": REFUSED}, "GPU clocks", "not told", "-rac"),
        ({"set_mhz": 1200}, "GPU clocks", "1,200 MHz, where 1,980", "-rac"),
        ({"power_limit_mw": 400_000}, "GPU power", "held to 400 of 700 W", "-pl"),
        ({"power_default_mw": REFUSED}, "GPU power", "not told", "-pl"),
        ({"persistence": 0}, "persistence", "off", "-pm 1"),
        ({"persistence": REFUSED}, "persistence", "not told", "-pm 1"),
        ({"ecc": [0, 0]}, "ECC", "off", "-e 1"),
        ({"ecc": [0, 1]}, "ECC", "off", "-e 1"),
        ({"ecc": [1, 0]}, "ECC", "off from the next boot", "-e 1"),
        ({"ecc": REFUSED}, "ECC", "not told", "-e 1"),
        ({"ecc_uncorrected": 2}, "GPU memory", "2 errors", "replace"),
        ({"ecc_uncorrected": REFUSED}, "GPU memory", "errors are not told", "replace"),
        ({"remapped_rows": [0, 0, 1, 0]}, "GPU memory", "rows to be replaced", "reset"),
        ({"remapped_rows": [0, 0, 0, 1]}, "GPU memory", "could not be replaced", "replace"),
        ({"remapped_rows": REFUSED}, "GPU memory", "replaced rows are not told", "reset"),
        ({"compute_mode": 3}, "compute mode", "exclusive to one process", "-c 0"),
        ({"compute_mode": REFUSED}, "compute mode", "not told", "-c 0"),
        ({"mig": [1, 1]}, "MIG", "cut into parts", "-mig 0"),
        ({"mig": [0, 1]}, "MIG", "from its next reset on", "-mig 0"),
        ({"mig": REFUSED}, "MIG", "not told", "-mig 0"),
        ({"contexts": [{"pid": 77}, {"pid": 5}]}, "GPU in use", "by process 5, 77", "end them"),
        ({"contexts": REFUSED}, "GPU in use", "its processes are not told", "end them"),
        ({"events": REFUSED}, "GPU faults", "not told", "a driver"),
    ],
)
def test_each_weakness_of_a_card_is_one_remark(
    changes: dict[str, Any], about: str, said: str, remedy: str
) -> None:
    """That of its own, and no other."""
    (check,) = amiss(**changes)
    assert (check.about, check.state) == (about, State.WEAKER)
    assert said in check.found
    assert remedy in check.remedy


def test_a_card_that_no_program_may_use_is_missing() -> None:
    """Every run would end at once."""
    (check,) = amiss(compute_mode=2)
    assert (check.about, check.state) == ("compute mode", State.MISSING)


def test_a_card_that_answers_nothing_is_well_in_nothing() -> None:
    """What is not told is not taken to be good."""
    checks = [*cards.judged({"0": {name: REFUSED for name in CARD}})]
    assert {check.state for check in checks} == {State.WEAKER}


def test_cards_of_which_the_same_is_said_stand_together() -> None:
    """Eight of them are one line."""
    eight = {str(number): {**CARD, "persistence": 0} for number in range(8)}
    eight["3"]["persistence"] = 1
    found = {check.about: check for check in cards.judged(eight)}
    assert found["persistence"].found.startswith("GPU 0–2, 4–7: off")
    eight["3"]["persistence"] = REFUSED
    found = {check.about: check for check in cards.judged(eight)}
    assert found["persistence"].found.endswith("; GPU 3: not told")


def test_processes_that_cannot_be_found_are_nobodys(tmp_path: Path) -> None:
    """NVML numbers them as the host does, a container otherwise; /proc can hide them, too."""
    host, root = "pid:[4026531836]", machine(tmp_path, **{"1/stat": "1 (init) S 0"})
    assert gpus.numbering(host, root).state is State.WELL
    elsewhere = gpus.numbering("pid:[4026532345]", root)
    hidden = gpus.numbering(host, root / "1")
    assert [check.state for check in (elsewhere, hidden)] == [State.WEAKER] * 2
    assert "--pid=host" in elsewhere.remedy
    assert "hidepid=0" in hidden.remedy


def test_a_card_that_does_not_answer_is_missing() -> None:
    """It is counted all the same, and named."""
    well = {**CARD, "driver": "999.0"}
    assert gpus.present({"0": well, "1": well}).found == f"2 × {CARD['name']}, driver 999.0"
    lost = gpus.present({"0": well, "1": {}})
    assert lost.state is State.MISSING
    assert lost.found.endswith("GPU 1 does not answer")
    assert gpus.present({"0": {"name": REFUSED}}).state is State.MISSING


def test_a_service_that_shares_cards_is_told(tmp_path: Path) -> None:
    """By who uses it, or by the pipes that it has left; silence is no answer."""
    nowhere = str(tmp_path / "none")
    assert gpus.mps({"0": CARD}, nowhere).state is State.WELL
    used = gpus.mps({"0": CARD, "1": {**CARD, "mps_contexts": [{"pid": 9}]}}, nowhere)
    left = gpus.mps({"0": CARD}, str(tmp_path))
    silent = gpus.mps({"0": {**CARD, "mps_contexts": REFUSED}}, nowhere)
    assert [check.state for check in (used, left, silent)] == [State.WEAKER] * 3
    assert "by it" in used.found
    assert str(tmp_path) in left.found
    assert "newer driver" in silent.remedy


@pytest.mark.parametrize(
    ("vendor", "kind", "said"),
    [
        ("0x10de", "0x030200", "no driver answers"),
        ("0x10de", "0x030000", "no driver answers"),
        ("0x10de", "0x040300", "none: policies"),
        ("0x1234", "0x030000", "none: policies"),
    ],
)
def test_a_card_without_a_driver_is_another_thing_than_no_card(
    vendor: str, kind: str, said: str, tmp_path: Path
) -> None:
    """Its owner forgot to install one; sound and other makers' cards are none."""
    place = machine(tmp_path, **{"0000:01/vendor": f"{vendor}\n", "0000:01/class": f"{kind}\n"})
    check = gpus.without(place)
    assert said in check.found
    assert check.remedy


def program(folder: Path, name: str, said: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("version", "state"),
    [("1.17.7", State.MISSING), ("1.17.8", State.WELL), ("2.0.0", State.WELL), ("new", State.WELL)],
)
def test_a_toolkit_that_lets_containers_out_is_missing_its_update(
    version: str, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CVE-2025-23266 and its like, before 1.17.8."""
    program(tmp_path, "nvidia-ctk", f"NVIDIA Container Toolkit CLI version {version}")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    check = gpus.toolkit()
    assert check.state is state
    assert version in check.found
