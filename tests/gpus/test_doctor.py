"""The doctor asks the real questions: a played driver's answers reach its checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gpus.playing import driver
from tests.gpus.scenes import card, lines
from verifier.pipeline.doctor import State, cards, gpus

Libraries = dict[bool, Path]


def remarks(library: Path, folder: Path, *told: str) -> dict[str, str]:
    """What the doctor remarks of a machine whose driver says so, by what it is about."""
    script = folder / "script"
    script.write_text(lines(*told), encoding="ascii")
    with driver(library) as lib:
        lib.fake_script(str(script).encode())
        lib.fake_time(1.0)
        checks = [*cards.judged(gpus.found())]
    assert len(checks) == len({check.about for check in checks})
    return {check.about: check.found for check in checks if check.state is not State.WELL}


TWO = ("0 gpus 2", card(0), card(1))


def test_two_idle_cards_are_no_remark(libraries: Libraries, tmp_path: Path) -> None:
    """Though the driver does not know the clocks that somebody could set."""
    assert remarks(libraries[False], tmp_path, *TWO) == {}


@pytest.mark.parametrize(
    ("told", "about", "said"),
    [
        ("0.5 limit 1 400000 700000", "GPU power", "GPU 1: held to 400 of 700 W"),
        ("0.5 reasons 0 2", "GPU clocks", "GPU 0: held to lower clocks that somebody set"),
        ("0.5 contexts 1 950:1", "GPU in use", "GPU 1: used by process 950"),
        ("0.5 mig 0 1", "MIG", "GPU 0: cut into parts: a limit is meant for whole cards"),
        ("0.5 ecc 1 9 1", "GPU memory", "GPU 1: 1 errors that could not be corrected"),
        ("0.5 rows 0 1 0", "GPU memory", "GPU 0: rows to be replaced"),
        (
            "0.5 fail nvmlDeviceGetEccMode 3",
            "ECC",
            "GPU 0–1: not told: a wrong bit is not seen",
        ),
    ],
)
def test_what_the_driver_says_is_remarked(
    libraries: Libraries, tmp_path: Path, told: str, about: str, said: str
) -> None:
    """Of the card of which it says so."""
    assert remarks(libraries[False], tmp_path, *TWO, told) == {about: said}


def test_an_old_driver_leaves_a_limit_unproven(libraries: Libraries, tmp_path: Path) -> None:
    """Each thing that it cannot tell is named."""
    found = remarks(libraries[True], tmp_path, *TWO)
    assert {"GPU in use", "MIG", "GPU memory", "GPU faults"} == set(found)
    assert all("unproven" in said for said in found.values())


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("0.5 lost 1 1", "2 × NVIDIA H100 80GB HBM3, driver 999.0; GPU 1 does not answer"),
        ("0.5 fail nvmlDeviceGetHandleByIndex_v2 15", "2 × a card, driver 999.0; GPU 0–1"),
    ],
)
def test_a_lost_card_is_named_and_hides_no_other(
    libraries: Libraries, tmp_path: Path, told: str, said: str
) -> None:
    """It is missing; nothing more is said of it, and nothing worse of the others."""
    script = tmp_path / "script"
    script.write_text(lines(*TWO, told), encoding="ascii")
    with driver(libraries[False]) as lib:
        lib.fake_script(str(script).encode())
        lib.fake_time(1.0)
        first, *others = gpus.look(gpus.found())
    assert first.state is State.MISSING
    assert first.found.startswith(said)
    assert not any("GPU 1" in check.found for check in others)
    assert any(check.about == "ECC" for check in others) == ("a card" not in said)


def test_no_driver_is_no_card(libraries: Libraries, tmp_path: Path) -> None:
    """And no error of ours."""
    assert remarks(libraries[False], tmp_path, "0 absent") == {}
