"""Notes and results as a run would leave them, made up for tests of what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from verifier.records import BoxEnd, EndedBy
from verifier.shadow.notes import Line, Notes
from verifier.shadow.record import Ran
from verifier.shadow.running import Result
from verifier.shadow.streams import Stream
from verifier.source.logs import read_log

Costs = npt.NDArray[np.float64]


@dataclass
class Recording:
    """What a script does, call by call."""

    positions: list[npt.NDArray[np.int64]] = field(default_factory=list)
    costs: list[Costs] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    gradients: list[bool] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    step: int = 0

    def score(self, costs: Costs, positions: Sequence[int], *, learning: bool = False) -> None:
        """Score `positions`, each at its cost in `costs` [length]."""
        places = np.asarray(positions, np.int64)
        self.positions.append(places)
        self.costs.append(costs[places])
        self.steps.append(self.step)
        self.gradients.append(learning)
        self.step += learning

    def say(self, text: str) -> None:
        """Print a line."""
        self.lines.append(Line(text=text, block=len(self.steps), step=self.step))

    def notes(self, **changed: object) -> Notes:
        """What the recorder would have noted."""
        counts = [len(each) for each in self.positions]
        empty = np.empty(0)
        said: dict[str, object] = {
            "position": np.concatenate(self.positions or [empty.astype(np.int64)]),
            "cost": np.concatenate(self.costs or [empty]),
            "block": np.repeat(np.arange(len(counts)), counts),
            "step": np.array(self.steps, np.int64),
            "gradient": np.array(self.gradients, bool),
            "training": np.zeros(len(counts), bool),
            "lines": tuple(self.lines),
            "files": (),
            "refused": (),
            "newer": 0,
            "late_training": 0,
            "cut": False,
        }
        return Notes(**{**said, **changed})  # type: ignore[arg-type]


def result(
    stream: Stream,
    line: str = "",
    notes: Notes | None = None,
    artifacts: Mapping[str, str] | None = None,
) -> Result:
    """A run on `stream` that ended with `line`."""
    end = BoxEnd(
        ended_by=EndedBy.ITSELF,
        exit_code=0,
        wall_seconds=(1.0, 1.1),
        cpu_seconds=1.0,
        memory_peak_bytes=1,
        log=f"{line}\n",
    )
    log = read_log(end.log.encode())
    score = log.final
    return Result(
        ran=Ran(
            variant="base",
            seconds=1.1,
            ended="exit code 0",
            printed=line,
            loss=score.loss if score else None,
            bpb=score.bpb if score else None,
            memory_peak_bytes=1,
        ),
        stream=stream,
        end=end,
        score=score,
        is_claimed=True,
        stop=log.stop,
        notes=notes,
        artifacts=artifacts or {},
    )
