"""Is there a container engine, and may we start one? Installs and starts it as root on Debian.

`engine.py start` leaves an engine that answers alone. Where none does, and this is root on Debian,
it installs what is missing, starts `dockerd` with its settings, log and pid under `.run/`, and
waits for it. The settings are those of /etc/docker/daemon.json, which is only read, and what
gVisor's boxes need, where `runsc` can be had. With `DOCKER=no`, or a DOCKER_HOST that does not
answer, it installs and starts nothing. It never fails: without an engine, boxes are made locally
and every verdict says what that costs.
`engine.py stop` ends the one it started.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from verifier.errors import EngineUnavailable
from verifier.sandbox import gvisor
from verifier.sandbox.docker import Docker

RUN = Path(__file__).resolve().parents[1] / ".run"
PID_FILE, LOG_FILE, SETTINGS = RUN / "dockerd.pid", RUN / "dockerd.log", RUN / "daemon.json"
COMMAND = ("dockerd",)
# What an engine reads that is given no settings of its own.
USUAL_SETTINGS = Path("/etc/docker/daemon.json")
WAIT_SECONDS = 20.0
LOOK_SECONDS = 0.25
# Program, Debian's packages of it, and what it is for.
ENGINE = ("dockerd", "docker.io", "boxes of level L2")
TOOLS = (
    ("mmdebstrap", "mmdebstrap", "pinned images"),
    ("bwrap", "bubblewrap", "boxes of level L1 where no engine answers"),
)
RUNTIME = (gvisor.RUNTIME, "runsc", "boxes of level L3 (gVisor)")
COMPILER = ("gcc", "gcc libc6-dev", "tests that play a GPU's driver")


def say(text: str) -> None:
    """One line for whoever watches."""
    print(f"engine: {text}", file=sys.stderr, flush=True)


def answers() -> bool:
    """Whether an engine answers within two seconds."""
    try:
        Docker().close()
    except EngineUnavailable:
        return False
    return True


def root_on_debian() -> bool:
    """Whether packages can be installed here."""
    return os.geteuid() == 0 and Path("/etc/debian_version").exists()


def install(packages: list[str]) -> bool:
    """Install Debian packages; False, and said, when that fails."""
    say(f"installing {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
    ):
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        if ended.returncode:
            tail = " · ".join((ended.stdout + ended.stderr).strip().splitlines()[-3:])
            say(f"`{' '.join(command)}` failed: {tail}")
            return False
    return True


def merged(theirs: Any, ours: dict[str, Any]) -> dict[str, Any]:
    """Both; where both say something, `theirs` holds. Raises ValueError if theirs are none."""
    runtimes = theirs.get("runtimes", {}) if isinstance(theirs, dict) else None
    if not isinstance(runtimes, dict):
        raise ValueError("is not an object, or its runtimes are none")
    both = {**ours, **theirs}
    if "runtimes" in both:
        both["runtimes"] = {**ours.get("runtimes", {}), **runtimes}
    return both


def settings_arguments() -> list[str]:
    """Write what the engine is to be set to; the arguments that say so to it.

    Without a network of its own: no box has one.
    """
    ours: dict[str, Any] = {"bridge": "none", "iptables": False}
    if shutil.which(gvisor.RUNTIME) is not None:
        ours |= gvisor.settings()
    try:
        theirs = json.loads(USUAL_SETTINGS.read_bytes()) if USUAL_SETTINGS.exists() else {}
        text = json.dumps(merged(theirs, ours), indent=1)
    except (OSError, ValueError) as fault:
        say(f"{USUAL_SETTINGS} cannot be added to ({fault}), so ours are left out: {RUNTIME[2]}")
        say("  can be made only if it names their runtime itself, as `verifier doctor` will say")
        return ["--bridge=none", "--iptables=false"]
    SETTINGS.write_text(text, encoding="utf-8")
    return ["--config-file", str(SETTINGS)]


def start_daemon() -> bool:
    """Start `dockerd` in the background and wait for its answer."""
    RUN.mkdir(exist_ok=True)
    command = [*COMMAND, *settings_arguments()]
    with LOG_FILE.open("ab") as log:
        daemon = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    PID_FILE.write_text(f"{daemon.pid}\n", encoding="ascii")
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline and daemon.poll() is None:
        if answers():
            say(f"started dockerd (pid {daemon.pid}, log {LOG_FILE}; `make stop-engine` ends it)")
            return True
        time.sleep(LOOK_SECONDS)
    how = "ended" if daemon.poll() is not None else f"did not answer in {WAIT_SECONDS:.0f} s"
    say(f"dockerd {how}; the end of its log:")
    for line in LOG_FILE.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]:
        say(f"  {line}")
    if daemon.poll() is None:
        daemon.terminate()
    return False


def start() -> None:
    """Leave an engine running, or say why there is none and what that costs."""
    wanted = os.environ.get("DOCKER", "yes") != "no"
    if wanted and answers():
        lacking: tuple[tuple[str, str, str], ...] = TOOLS[:1]
    elif not wanted:
        say("DOCKER=no: none is used, installed or started; boxes are local (level L1 or L0)")
        lacking = TOOLS
    elif "DOCKER_HOST" in os.environ:
        say("DOCKER_HOST does not answer, so none is installed or started; boxes are local")
        wanted, lacking = False, TOOLS
    else:
        lacking = (ENGINE, *TOOLS)
    absent = [entry for entry in (*lacking, COMPILER) if shutil.which(entry[0]) is None]
    if absent and not root_on_debian():
        for program, package, purpose in absent:
            say(f"no {program}, which {purpose} need: apt-get install {package}")
    elif absent:
        install([name for _, packages, _ in absent for name in packages.split()])
    if wanted and not answers():
        if not root_on_debian() or shutil.which(ENGINE[0]) is None:
            say("no container engine answers; boxes are local (level L1 or L0)")
        else:
            install_runtime()
            start_daemon()


def install_runtime() -> None:
    """Install gVisor's runtime, by itself: where it cannot be had the rest goes on without."""
    program, package, purpose = RUNTIME
    if shutil.which(program) is None and not install([package]):
        say(f"no {program}: there will be no {purpose}")


def stop() -> None:
    """End the engine that `start` started, if it still runs."""
    try:
        pid = int(PID_FILE.read_text(encoding="ascii"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except (OSError, ValueError):
        say("none was started from here")
        return
    if not command.endswith(b"dockerd"):
        say("the one started from here has ended already")
    else:
        os.kill(pid, signal.SIGTERM)
        say(f"told dockerd (pid {pid}) to end")
    PID_FILE.unlink()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["start"]:
            start()
        case ["stop"]:
            stop()
        case _:
            sys.exit("usage: engine.py start | stop")
