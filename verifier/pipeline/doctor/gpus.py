"""What of the GPUs would make a time limit unproven, or a run unfair, before one has begun?

Each question is NVML's, asked once; what it refuses is said to be untold, never taken to be well.
`judged` is pure: it gets the answers of each card. Must never change a card's setting.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pynvml

from verifier.audits.gpufair import SLOWED
from verifier.pipeline.doctor.findings import Check, State, checked
from verifier.pipeline.doctor.reading import first_line, text_of
from verifier.sandbox import gpus, nvml

Answers = Mapping[str, Any]
Cards = Mapping[str, Answers]

TOOLKIT = (1, 17, 8)
"""Container toolkits before it let a container out of its box (CVE-2025-23266)."""
FIRST_PID_NAMESPACE = "pid:[4026531836]"
"""PROC_PID_INIT_INO of the kernel: the numbering that the driver, too, uses."""
NVIDIA, DISPLAY = "0x10de", "0x03"
PCI = Path("/sys/bus/pci/devices")
MPS_PIPES = "/tmp/nvidia-mps"
UNTOLD = "not told, so that a time limit is unproven"
PROHIBITED = 2
EXCLUSIVE = {1: "exclusive to one thread", 3: "exclusive to one process"}
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
CLOCKS: Mapping[str, nvml.Question] = {
    "set_mhz": lambda gpu: pynvml.nvmlDeviceGetApplicationsClock(gpu, pynvml.NVML_CLOCK_SM),
    "default_mhz": lambda gpu: pynvml.nvmlDeviceGetDefaultApplicationsClock(
        gpu, pynvml.NVML_CLOCK_SM
    ),
}


def found() -> dict[str, dict[str, Any]]:
    """What NVML answers of each card, by its index; none without a driver.

    Each is asked by itself: one that is lost answers nothing, and must not hide the others.
    """
    everyone = nvml.Driver(())
    if everyone.connect() is not None:
        return {}
    with contextlib.closing(everyone):
        system = everyone.system()
        count = system["gpus"] if isinstance(system["gpus"], int) else 0
        return {card: {**system, **_answers(card)} for card in map(str, range(count))}


def _answers(card: str) -> dict[str, Any]:
    driver = nvml.Driver((card,))
    if driver.connect() is not None:
        return {}
    with contextlib.closing(driver):
        questions = {**nvml.QUICK, **nvml.SLOW, **CLOCKS}
        return {**driver.answers(card, questions), **driver.facts(card)}


def look(cards: Cards) -> Iterator[Check]:
    """Everything of this machine's cards."""
    if not cards:
        yield without(PCI)
        return
    yield present(cards)
    answering = {number: card for number, card in cards.items() if _answering(card)}
    if answering:
        yield from judged(answering)
        yield mps(answering, os.environ.get("CUDA_MPS_PIPE_DIRECTORY", MPS_PIPES))
    yield numbering(os.readlink("/proc/self/ns/pid"), Path("/proc"))
    yield from services()
    yield toolkit()


def present(cards: Cards) -> Check:
    """How many cards, of which model; one that does not answer is lost."""
    models = sorted({str(card["name"]) for card in cards.values() if _answering(card)})
    version = next(iter(cards.values())).get("driver", "unknown")
    told = f"{len(cards)} × {', '.join(models) or 'a card'}, driver {version}"
    lost = [number for number, card in cards.items() if not _answering(card)]
    if lost:
        remedy = "restart the machine; a card that is lost again must be replaced"
        return Check("GPU", State.MISSING, f"{told}; GPU {_listed(lost)} does not answer", remedy)
    return Check("GPU", State.WELL, told)


def _answering(card: Answers) -> bool:
    return isinstance(card.get("name"), str)


def without(pci: Path) -> Check:
    """No card that a driver knows: is there one all the same?"""
    for place in pci.glob("*"):
        is_card = text_of(place / "class").startswith(DISPLAY)
        if is_card and text_of(place / "vendor") == NVIDIA:
            said = "one is there, and no driver answers for it"
            return Check(
                "GPU", State.WEAKER, said, "install the driver until `nvidia-smi` lists it"
            )
    said = "none: policies for GPUs end INCONCLUSIVE, all but the run in full is shown"
    return Check("GPU", State.WEAKER, said, "local_cpu and rehearsal need none")


# ---------------------------------------------------------------- cards


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
    amiss = "; ".join(f"GPU {_listed(numbers)}: {what}" for what, numbers in said.items())
    return checked(about, well, amiss, remedy)


def _listed(numbers: list[str]) -> str:
    """`0, 2–7`: numbers in their order, those that follow one another as one."""
    runs: list[list[int]] = []
    for number in map(int, numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def _refused(answer: Any) -> bool:
    return (isinstance(answer, Mapping) and "error" in answer) or answer is None


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


# ---------------------------------------------------------------- around the cards


def numbering(namespace: str, processes: Path) -> Check:
    """Whether those whom the driver names can be found here, and by the same numbers."""
    about, unproven = "GPU processes", "whose a context is cannot be told"
    if namespace != FIRST_PID_NAMESPACE:
        said = f"numbered otherwise here than by the driver: {unproven}"
        remedy = "run the verifier outside of a container, or in one with --pid=host"
        return Check(about, State.WEAKER, said, remedy)
    hidden = not (processes / "1/stat").exists()
    amiss = f"those of others are hidden: {unproven}" if hidden else ""
    return checked(about, "can be told", amiss, "mount -o remount,hidepid=0 /proc")


def mps(cards: Cards, pipes: str) -> Check:
    """Whether a service lets processes of others share the cards."""
    told = [card.get("mps_contexts") for card in cards.values()]
    amiss = ""
    if any(isinstance(each, list) and each for each in told):
        amiss = "processes of others share a card by it"
    elif Path(pipes).exists():
        amiss = f"a control daemon has left its pipes at {pipes}: others may share the cards"
    elif any(_refused(each) for each in told):
        return Check("MPS", State.WEAKER, UNTOLD, "a newer driver, which tells of it")
    return checked("MPS", "off", amiss, "echo quit | nvidia-cuda-mps-control")


def services() -> Iterator[Check]:
    """The driver's services that boxes could reach one another by."""
    reachable = gpus.open_services()
    if reachable:
        said = f"open to every user: {', '.join(reachable)}; boxes of L0 are refused a GPU"
        yield Check("GPU services", State.WEAKER, said, "stop them, or take L1 or more")


def toolkit() -> Check:
    """The programs that put a card into a container."""
    needed, about = ".".join(map(str, TOOLKIT)), "container toolkit"
    program = shutil.which("nvidia-ctk")
    if program is None:
        said = "nvidia-ctk is not installed: containers get no GPU"
        return Check(
            about, State.WEAKER, said, f"install nvidia-container-toolkit {needed} or newer"
        )
    said = first_line(program, "--version")
    version = _VERSION.search(said)
    if version is not None and tuple(map(int, version.groups())) < TOOLKIT:
        remedy = f"update it to {needed}: older ones let containers out"
        return Check(about, State.MISSING, said, remedy)
    return Check(about, State.WELL, said)
