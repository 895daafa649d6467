"""A container engine that is not there, dies or falls silent: one of our own, never the machine's.

Its data lies in a kept folder, so that it takes the image once; everything else is made anew each
time it starts.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import docker

from tests.attacks.faults import seeing
from tests.attacks.faults.breaking import (
    Broken,
    NotPlayed,
    Stage,
    fault_row,
    mended,
    met,
    read_whole,
)
from tests.attacks.faults.scene import Scene, scene
from tests.attacks.rows import Row
from verifier import owner, scratch

NOWHERE = "unix:///nonexistent/docker.sock"
STARTS_SECONDS = 60.0
LOOK_SECONDS = 0.1
SILENT_SECONDS = 3.0


def plays(stage: Stage) -> Iterator[tuple[str, functools.partial[Row]]]:
    """Name and row of each."""
    machine = functools.partial(fault_row, stage, code=70, whose="the machine's")
    yield (
        "no engine, and Docker asked for",
        functools.partial(machine, missing, says="EngineUnavailable"),
    )
    yield "no engine, and the best there is asked for", functools.partial(instead_row, stage)
    yield (
        "no bubblewrap, and bubblewrap asked for",
        functools.partial(machine, no_program, says="MissingTool", backend="bubblewrap"),
    )
    # BoxLost, or EngineUnavailable where the next box is asked for first.
    for phase in ("train", "score", "replay"):
        yield (
            f"an engine that is killed in {phase}",
            functools.partial(machine, functools.partial(killed, stage, phase), says="the engine"),
        )
    yield (
        "an engine that is stopped in score",
        functools.partial(machine, functools.partial(stopped, stage), says="the engine"),
    )


def missing(made: Scene) -> Broken:
    """DOCKER_HOST names nobody; then it is not set."""
    return met(made, lambda: None, DOCKER_HOST=NOWHERE)


def no_program(made: Scene) -> Broken:
    """PATH leads nowhere; then it does."""
    return met(made, lambda: None, PATH=str(made.temporary))


def instead_row(stage: Stage) -> Row:
    """`auto` goes on with the next best, and says what that costs."""
    with scene(stage.cast, "auto", DOCKER_HOST=NOWHERE) as made:
        process = made.start()
        held = seeing.mark_of(process)
        ended = made.ended(process)
        wrong = [] if ended.said.get("answer") == "VERIFIED" else [f"ended with {ended.short}"]
        if "no container engine answers" not in ended.words:
            wrong.append("nobody was told")
        wrong += read_whole(made, finished=True)
        wrong += [f"left: {what}" for what in seeing.left(made, held)]
    return Row(
        expected="VERIFIED in bubblewrap, and what that costs is said",
        got=f"{ended.short}: {ended.said.get('line', '')}",
        wrong="; ".join(wrong),
    )


# ---------------------------------------------------------------- an engine of our own


class Engine:
    """A `dockerd` with folders, socket and containerd of its own. `data` is kept."""

    def __init__(self, data: Path) -> None:
        """Not started yet; one that a killed run left on this data is ended."""
        self._data, self._last = data, data.with_suffix(".mark")
        with contextlib.suppress(OSError):
            mark = self._last.read_text()
            if not owner.is_gone(mark):
                os.kill(int(mark.split("-")[1]), signal.SIGKILL)
        self._folder = scratch.make("engine")
        self._daemon: subprocess.Popen[bytes] | None = None
        self.address = f"unix://{self._folder}/docker.sock"

    def start(self) -> None:
        """Start it and wait for its answer. Raises NotPlayed when it gives none."""
        (self._folder / "settings.json").write_text(json.dumps({"bridge": "none"}))
        words = ["dockerd", "--config-file", str(self._folder / "settings.json")]
        words += ["--iptables=false", "--host", self.address, "--data-root", str(self._data)]
        words += ["--exec-root", str(self._folder / "run")]
        words += ["--pidfile", str(self._folder / "pid")]
        (self._folder / "pid").unlink(missing_ok=True)
        with (self._folder / "log").open("ab") as log:
            self._daemon = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._last.write_text(owner.mark(self._daemon.pid))
        deadline = time.monotonic() + STARTS_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self._daemon.poll() is not None:
                end = (self._folder / "log").read_text(errors="replace")[-500:]
                raise NotPlayed(f"our own engine does not start: {end}")
            time.sleep(LOOK_SECONDS)

    def _answers(self) -> bool:
        with (
            contextlib.suppress(docker.errors.DockerException),
            contextlib.closing(seeing.engine(self.address)) as client,
        ):
            client.ping()
            return True
        return False

    def strike(self, number: signal.Signals) -> None:
        """Send the engine itself a signal."""
        assert self._daemon is not None
        self._daemon.send_signal(number)
        if number is signal.SIGKILL:
            self._daemon.wait()

    def close(self) -> None:
        """End it, and all that it started."""
        if self._daemon is not None:
            self._daemon.send_signal(signal.SIGCONT)
            self._daemon.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._daemon.wait(STARTS_SECONDS)
            self._daemon.kill()
            self._daemon.wait()
        for pid in self._started():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for above in (self._folder, self._data):
            # An engine mounts its data folder over itself.
            for place in (*reversed(seeing.mounts_below(above)), str(above)):
                words = ["umount", "--lazy", place]
                subprocess.run(words, check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _started(self) -> list[int]:
        """Its containerd and whatever that left: all that has this folder in its words."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str(self._folder).encode() in (process / "cmdline").read_bytes():
                    found.append(int(process.name))
        return found


@contextlib.contextmanager
def own_engine(stage: Stage, made: Scene) -> Iterator[Engine]:
    """An engine that runs, and to which the scene's commands go."""
    engine = Engine(stage.place / "engine")
    try:
        engine.start()
        made.settings["DOCKER_HOST"] = engine.address
        yield engine
    finally:
        engine.close()


def killed(stage: Stage, phase: str, made: Scene) -> Broken:
    """SIGKILL to the engine in that phase; then it is started again."""
    with own_engine(stage, made) as engine:
        process = made.start()
        first = seeing.mark_of(process)
        seeing.until(made, phase, process)
        wait_for_box(made, first, process)
        engine.strike(signal.SIGKILL)
        broken = mended(made, made.ended(process), first, engine.start)
        return checked(made, broken)


def stopped(stage: Stage, made: Scene) -> Broken:
    """SIGSTOP to the engine: it answers no call any more, and is still there."""
    with own_engine(stage, made) as engine:
        process = made.start()
        first = seeing.mark_of(process)
        seeing.until(made, "score", process)
        wait_for_box(made, first, process)
        engine.strike(signal.SIGSTOP)
        ended = made.ended(process)
        broken = mended(made, ended, first, lambda: engine.strike(signal.SIGCONT))
        return checked(made, broken)


def wait_for_box(made: Scene, mark: seeing.Held, process: subprocess.Popen[bytes]) -> None:
    """Until the verifier has a box that runs."""
    while not seeing.held(mark.mark, made.settings["DOCKER_HOST"]).processes:
        if process.poll() is not None:
            raise NotPlayed(f"it ended before it had a box: {made.ended(process).short}")
        time.sleep(LOOK_SECONDS)


def checked(made: Scene, broken: Broken) -> Broken:
    """What is left must be looked for while the engine is there to be asked."""
    if left := seeing.left(made, *broken.held):
        raise NotPlayed(f"left: {'; '.join(left)}")
    return broken
