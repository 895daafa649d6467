"""What do the answers of cards come to: which of them would make a limit unproven, or a run unfair?

Pure. What a driver refuses to tell is not taken to be well. Must never ask a card anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from verifier.audits.gpufair import SLOWED
from verifier.pipeline.doctor.findings import Check, State, checked

Answers = Mapping[str, Any]
Cards = Mapping[str, Answers]
"""What NVML answered of each card, by its index."""

UNTOLD = "not told, so that a time limit is unproven"
PROHIBITED = 2
EXCLUSIVE = {1: "exclusive to one thread", 3: "exclusive to one process"}


def judged(cards: Cards) -> Iterator[Check]:
    """What follows from the answers of each card; one check for each thing, of all cards."""
    yield of_all(cards, "GPU clocks", "not lowered", _clocks, "nvidia-smi -rac; nvidia-smi -rgc")
    remedy = "`nvidia-smi -pl WATTS`, the card's own"
    yield of_all(cards, "GPU power", "at its own limit", _power, remedy)
    yield of_all(cards, "persistence", "on", _persistence, "nvidia-smi -pm 1")
    remedy = "nvidia-smi -e 1, then restart; where cards have none, take others for what counts"
    yield of_all(cards, "ECC", "on", _ecc, remedy)
    remedy = "reset the card (`nvidia-smi -r`), and replace it if it says so again"
    yield of_all(cards, "GPU memory", "no errors, no rows to be replaced", _memory, remedy)
    mode = of_all(cards, "compute mode", "shared by processes", _mode, "nvidia-smi -c 0")
    if any(card.get("compute_mode") == PROHIBITED for card in cards.values()):
        mode = Check(mode.about, State.MISSING, mode.found, mode.remedy)
    yield mode
    yield of_all(cards, "MIG", "whole cards", _parts, "nvidia-smi -mig 0")
    yield of_all(cards, "GPU in use", "by nobody", _used, "end them before a run")
    remedy = "a driver that tells of Xids (nvidia-smi -q names its version)"
    yield of_all(cards, "GPU faults", "will be told", _faults, remedy)


def of_all(
    cards: Cards,
    about: str,
    well: str,
    ask: Callable[[Answers], str],
    remedy: str,
) -> Check:
    """One check of all cards: those of which the same is said stand together."""
    said: dict[str, list[str]] = {}
    for number, card in cards.items():
        said.setdefault(ask(card), []).append(number)
    said.pop("", None)
    amiss = "; ".join(f"GPU {listed(numbers)}: {what}" for what, numbers in said.items())
    return checked(about, well, amiss, remedy)


def listed(numbers: list[str]) -> str:
    """`0, 2–7`: numbers in their order, those that follow one another as one."""
    runs: list[list[int]] = []
    for number in map(int, numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def _clocks(card: Answers) -> str:
    reasons, now, usual = (card.get(n) for n in ("throttle_reasons", "set_mhz", "default_mhz"))
    if not isinstance(reasons, int):
        return f"why they were lowered is {UNTOLD}"
    said = [words for bits, words in SLOWED if reasons & bits]
    if isinstance(now, int) and isinstance(usual, int) and now < usual:
        said.append(f"set to {now:,} MHz, where {usual:,} are its own")
    return ", ".join(said)


def _power(card: Answers) -> str:
    limit, usual = card.get("power_limit_mw"), card.get("power_default_mw")
    if not (isinstance(limit, int) and isinstance(usual, int)):
        return f"its limit is {UNTOLD}"
    return f"held to {limit / 1e3:,.0f} of {usual / 1e3:,.0f} W" if limit < usual else ""


def _persistence(card: Answers) -> str:
    match card.get("persistence"):
        case 1:
            return ""
        case 0:
            return "off: the driver starts anew for each run, and takes its time"
        case _:
            return "not told"


def _ecc(card: Answers) -> str:
    match card.get("ecc"):
        case [1, 1]:
            return ""
        case [1, 0]:
            return "on, and off from the next boot on"
        case [0, _]:
            return "off: a wrong bit is not seen"
        case _:
            return "not told: a wrong bit is not seen"


def _memory(card: Answers) -> str:
    rows, errors = card.get("remapped_rows"), card.get("ecc_uncorrected")
    said = []
    if not isinstance(errors, int):
        said.append(f"errors are {UNTOLD}")
    elif errors:
        said.append(f"{errors} errors that could not be corrected")
    match rows:
        case [_, _, pending, failed]:
            said += ["rows to be replaced"] if pending else []
            said += ["rows that could not be replaced"] if failed else []
        case _:
            said.append(f"replaced rows are {UNTOLD}")
    return ", ".join(said)


def _mode(card: Answers) -> str:
    mode = card.get("compute_mode")
    if not isinstance(mode, int):
        return "not told"
    if mode == PROHIBITED:
        return "prohibited: no program may use it"
    return f"{EXCLUSIVE[mode]}: a second one of a run is refused" if mode in EXCLUSIVE else ""


def _parts(card: Answers) -> str:
    match card.get("mig"):
        case [0, 0]:
            return ""
        case [0, _]:
            return "cut into parts from its next reset on"
        case [_, _]:
            return "cut into parts: a limit is meant for whole cards"
        case _:
            return UNTOLD


def _used(card: Answers) -> str:
    contexts = card.get("contexts")
    if not isinstance(contexts, list):
        return f"its processes are {UNTOLD}"
    pids = sorted({int(context["pid"]) for context in contexts})
    return f"used by process {', '.join(map(str, pids[:5]))}" if pids else ""


def _faults(card: Answers) -> str:
    return "" if card.get("events") == "told" else UNTOLD
