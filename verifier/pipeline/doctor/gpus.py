"""Which GPUs are here, and what around them would make a time limit unproven before a run began?

Each question is NVML's, asked once of each card; `cards` says what the answers come to. Must never
change a card's setting.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pynvml

from verifier.pipeline.doctor.cards import UNTOLD, Answers, Cards, judged, listed
from verifier.pipeline.doctor.findings import Check, State, checked
from verifier.pipeline.doctor.reading import first_line, text_of
from verifier.sandbox import gpus, nvml

TOOLKIT = (1, 17, 8)
"""Container toolkits before it let a container out of its box (CVE-2025-23266)."""
FIRST_PID_NAMESPACE = "pid:[4026531836]"
"""PROC_PID_INIT_INO of the kernel: the numbering that the driver, too, uses."""
NVIDIA, DISPLAY = "0x10de", "0x03"
PCI = Path("/sys/bus/pci/devices")
MPS_PIPES = "/tmp/nvidia-mps"
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
        return Check("GPU", State.MISSING, f"{told}; GPU {listed(lost)} does not answer", remedy)
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


def _refused(answer: Any) -> bool:
    return (isinstance(answer, Mapping) and "error" in answer) or answer is None


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
