"""Machines with GPUs, written down: what happens, and what must be said of it.

Training may take 20 s. Unless a scene says otherwise its box runs from 1 s to 14 s, process 100
holds a context from 3 s to 13.5 s, and the card is an H100 that nobody else uses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.gpus.playing import Person, Stage
from verifier.records import Outcome

LIMIT_SECONDS = 20.0
H100 = "NVIDIA H100 80GB HBM3"
KEPT, BROKEN, UNPROVEN = Outcome.KEPT, Outcome.BROKEN, Outcome.UNPROVEN


@dataclass(frozen=True)
class Scene:
    """`outcome` is what `train-budget` must answer, `says` what its reason must hold.

    `fault`: and the machine is at fault, so that another run is free. `init_seconds` is what came
    before the data, `wall` the host's interval where it is not the box's.
    """

    name: str
    stage: Stage
    outcome: Outcome
    says: str
    fault: bool = False
    gpus: int = 1
    init_seconds: float | None = None
    wall: tuple[float, float] | None = None
    pack_seconds: float | None = None


ALONE = (Person(100, 1.0, 13.6, "train"),)
BOX = (("train", 1.0, 14.0),)


def lines(*told: str) -> str:
    """A driver's script, in the order of time."""
    each = [line for block in told for line in block.splitlines() if line.strip()]
    return "\n".join(sorted(each, key=lambda line: float(line.split()[0]))) + "\n"


def card(gpu: int = 0, name: str = H100) -> str:
    """A card that idles."""
    return f"0 name {gpu} {name}\n0 limit {gpu} 700000 700000\n0 energy {gpu} 1000\n"


def work(since: float = 3.0, until: float = 13.5, pid: int = 100, gpu: int = 0) -> str:
    """A context that works."""
    return (
        f"{since} contexts {gpu} {pid}:1000000\n{since + 0.2} busy {gpu} 99 40\n"
        f"{since + 0.2} reasons {gpu} 4\n{until} contexts {gpu}\n{until} busy {gpu} 0 0\n"
        f"{until} energy {gpu} 900000\n{until} reasons {gpu} 0\n"
    )


def stage(*told: str, cards: int = 1, **changes: object) -> Stage:
    """The usual box and process on `cards` cards."""
    made = Stage(lines(f"0 gpus {cards}", *told), ALONE, BOX, gpus=tuple(map(str, range(cards))))
    return replace(made, **changes)  # type: ignore[arg-type]


def usual(name: str, *told: str, **changes: object) -> Scene:
    """The usual run, and something that makes no difference."""
    made = stage(card(), work(), *told, **changes)  # type: ignore[arg-type]
    return Scene(name, made, KEPT, "at most 13.0 of 20 s")


def unfair(name: str, says: str, *told: str, **changes: object) -> Scene:
    """The usual run on a machine with something wrong."""
    made = stage(card(), work(), *told, **changes)  # type: ignore[arg-type]
    return Scene(name, made, UNPROVEN, f"the machine was unfair: {says}", fault=True)


def untold(name: str, says: str, *told: str, **changes: object) -> Scene:
    """The usual run, and an answer that is missing: nobody's fault, and no pass."""
    made = stage(card(), work(), *told, **changes)  # type: ignore[arg-type]
    return Scene(name, made, UNPROVEN, says)


def lasting(until: float, *told: str) -> Stage:
    """Training on a GPU from its first moment until `until`, in a box that ends then."""
    return stage(
        card(),
        work(1.05, until),
        *told,
        people=(Person(100, 1.0, until, "train"),),
        boxes=(("train", 1.0, until),),
        until=until + 2,
    )


EIGHT = tuple(Person(100 + gpu, 1.0, 13.6, "train") for gpu in range(8))
ON_EIGHT = [card(gpu) + work(3 + gpu / 10, 13 + gpu / 20, 100 + gpu, gpu) for gpu in range(8)]
STRANGER = Person(900, 0.0, 99.0)
VISIT = "{0} contexts 0 100:1 900:1\n{1} contexts 0 100:1"
PACKED = (("train", 1.0, 14.0), ("pack", 14.2, 18.0))
PACKER = Person(200, 14.2, 18.0, "pack")

HONEST = (
    usual("normal"),
    Scene(
        "eight GPUs, a process on each",
        stage(*ON_EIGHT, cards=8, people=EIGHT),
        KEPT,
        "at most 13.0 of 20 s",
        gpus=8,
    ),
    usual("power cap all along", "3.3 reasons 0 4", "5 power_ns 0 9000000000"),
    usual("warm for a moment", "6 reasons 0 64", "6.15 reasons 0 4"),
    usual("errors from before", "0 ecc 0 7 3"),
    usual("a program's own Xid", "6 xid 0 31"),
    usual(
        "foreign process before", "0.2 contexts 0 900:1\n0.9 contexts 0", people=(*ALONE, STRANGER)
    ),
    usual("foreign process afterwards", "15 contexts 0 900:1", people=(*ALONE, STRANGER)),
    usual("MPS of its own", "6 mps 0 100:1\n9 mps 0"),
    usual("driver without violation counters", "0 fail nvmlDeviceGetViolationStatus 13"),
    usual("packing without a GPU", boxes=PACKED, people=(*ALONE, PACKER)),
    usual("no GPU used", "3 contexts 0", "3.2 busy 0 0 0", "3.05 contexts 0"),
    Scene(
        "GPU used before the clock",
        stage(
            card(),
            work(2, 23),
            people=(Person(100, 1.0, 23.1, "train"),),
            boxes=(("train", 1.0, 23.2),),
            until=25.0,
        ),
        KEPT,
        "at most 17.3 of 20 s",
        init_seconds=5.0,
        wall=(17.1, 17.3),
    ),
)

MACHINES = (
    unfair(
        "foreign process",
        "GPU 0: used by process 900",
        VISIT.format(6, 8),
        people=(*ALONE, STRANGER),
    ),
    unfair(
        "number given away",
        "GPU 0: used by process 100",
        people=(Person(100, 1.0, 6.0, "train"), Person(100, 8.0, 99.0)),
    ),
    unfair(
        "process behind a namespace",
        "GPU 0: used by process 901, of which nobody can tell whose it is",
        "6 contexts 0 100:1 901:1\n8 contexts 0 100:1",
        people=(*ALONE, replace(STRANGER, pid=901, seen=False)),
    ),
    unfair("heat", "GPU 0: slowed by heat for", "6 reasons 0 64\n7 reasons 0 4"),
    unfair(
        "heat by the counter alone", "GPU 0: slowed by heat for 2.0 of", "7 thermal_ns 0 2000000000"
    ),
    unfair("power brake", "GPU 0: slowed by the power brake", "6 reasons 0 132\n7 reasons 0 4"),
    unfair("hardware slowdown", "GPU 0: slowed by its hardware", "6 reasons 0 12\n7 reasons 0 4"),
    unfair("lower clocks set", "GPU 0: held to lower clocks", "3.3 reasons 0 2"),
    unfair("lower power limit", "GPU 0: held to 500 of 700 W", "0.01 limit 0 500000 700000"),
    unfair("Xid 79", "GPU 0: Xid 79", "6 xid 0 79"),
    unfair("memory error", "GPU 0: memory errors that could not be corrected: 2", "6 ecc 0 0 2"),
    unfair(
        "memory error at the very end",
        "GPU 0: memory errors that could not be corrected: 1",
        "13.95 ecc 0 0 1",
    ),
    unfair("row to be replaced", "GPU 0: rows of its memory", "0 rows 0 1 0"),
    unfair("MIG", "GPU 0: cut into parts", "0 mig 0 1"),
    unfair("MPS", "GPU 0: shared by MPS", "6 mps 0 950:1\n9 mps 0"),
    unfair("driver restarted", "the driver went away (error 1)", "6 absent\n7.5 present"),
    unfair("GPU lost", "the driver went away (error 15)", "6 lost 0 1"),
    unfair("nobody looked for a while", "GPU 0: nobody looked at it for 2.", asleep=((6.0, 8.5),)),
    unfair("looks too rare", "GPU 0: only 2.1 looks a second", period=0.5),
    Scene(
        "over the limit on a hot card",
        lasting(23.5, "6 reasons 0 64\n12 reasons 0 4"),
        UNPROVEN,
        "the machine was unfair",
        fault=True,
        wall=(22.4, 22.5),
    ),
)

UNTOLD = (
    untold("old driver", "not known: contexts of GPU 0; MPS of GPU 0", old=True),
    untold("no driver", "nobody could watch the GPUs", "0 absent"),
    untold(
        "memory errors not told",
        "not known: memory errors of GPU 0",
        "0 fail nvmlDeviceGetTotalEccErrors 3",
    ),
    untold("Xids not told", "not known: Xids of GPU 0", "0 fail nvmlEventSetCreate 3"),
    untold(
        "other card",
        "1 H100, it ran on 1 NVIDIA A100-SXM4-80GB",
        "0 name 0 NVIDIA A100-SXM4-80GB",
    ),
    Scene(
        "four cards of eight",
        stage(*ON_EIGHT[:4], cards=4, people=EIGHT),
        UNPROVEN,
        f"8 H100, it ran on 4 {H100}",
        gpus=8,
    ),
    Scene(
        "near the limit",
        lasting(21.02),
        UNPROVEN,
        "GPUs were used for 19.9 to 20.1 s: too near the limit",
        wall=(19.9, 19.98),
    ),
    Scene(
        "over the limit, fairness not told",
        lasting(23.5, "0 fail nvmlDeviceGetTotalEccErrors 3"),
        UNPROVEN,
        "at least 22.4 of 20 s; not known: memory errors",
        wall=(22.4, 22.5),
    ),
    Scene(
        "a context lingers, utilisation lags behind",
        stage(card(), work(3, 15.5)),
        UNPROVEN,
        "a context of its box was on a GPU 1.4 s after the box had ended",
    ),
    Scene(
        "an idle context outlives",
        stage(card(), work(3, 16), "13 busy 0 0 0"),
        UNPROVEN,
        "a context of its box was on a GPU 1.9 s after the box had ended",
    ),
)

CHEATS = (
    Scene("over the limit", lasting(23.5), BROKEN, "at least 22.4 of 20 s", wall=(22.4, 22.5)),
    Scene(
        "longer on GPUs than the host's clock saw",
        lasting(23.5),
        BROKEN,
        "GPUs were used for at least 22.3 of 20 s",
        wall=(18.0, 18.1),
    ),
    Scene(
        "a process works on after its box",
        stage(card(), work(3, 17), people=(Person(100, 1.0, 99.0, "train"),)),
        BROKEN,
        "training still worked on a GPU 2.9 s after its box had ended",
    ),
    Scene(
        "packing uses a GPU",
        stage(
            card(),
            work(),
            work(15, 17, 200),
            boxes=PACKED,
            people=(*ALONE, PACKER),
        ),
        BROKEN,
        "the packing command used a GPU",
        pack_seconds=3.8,
    ),
)

SCENES = (*HONEST, *MACHINES, *UNTOLD, *CHEATS)
