"""What does the host see while probes run? Its own servers, secrets, files, and one process.

All of it is made for one check and gone with it. Each server is reached once by the host itself
before it is believed when it says that nobody came. Must never use a thing that is there already.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import select
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from verifier import scratch
from verifier.errors import MachineFault
from verifier.sandbox import local

SIOCGIFADDR = 0x8915
HEARD_SECONDS = 2.0
NAME_SERVERS = Path("/etc/resolv.conf")
UEVENT = Path("/sys/devices/virtual/mem/null/uevent")
# Where a note of a box's would lie if it had been able to write there.
ROOTS = ("/", "/usr", "/usr/bin", "/etc", "/var", "/lib", "/root", "/run", "/home", "/opt", "/dev")
PRIVATE = ("/tmp", "/cache", "/dev/shm", "/var/tmp")
BYSTANDER = """
import os, signal, sys, time
held = (os.environ["SECRET_NAME"] + "-in-memory") * 50
for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda number, _: os.write(1, b"signal %d\\n" % number))
os.write(1, b"here\\n")
while True:
    time.sleep(1)
"""


class Host:
    """The host's side of one check. `secrets` maps what is secret to its text."""

    def __init__(self, python: str) -> None:
        """`python`: an interpreter for the host's own process. Raises MachineFault."""
        self._stack = contextlib.ExitStack()
        self._heard: dict[str, int] = {}
        self._done = threading.Event()
        self.note = f"golf-verifier-{secrets.token_hex(6)}"
        self.secrets = {name: secrets.token_hex(12) for name in ("a file", "another's memory")}
        self.folder = scratch.make("check")
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        try:
            self._lay_files()
            self.tcp = self._listen("tcp", socket.AF_INET, socket.SOCK_STREAM, ("", 0))
            self.udp = self._listen("udp", socket.AF_INET, socket.SOCK_DGRAM, ("", 0))
            self.tcp6 = self._listen6()
            unix = (socket.AF_UNIX, socket.SOCK_STREAM)
            self._listen("abstract", *unix, f"\0{self.note}-host")
            self._listen("path", *unix, str(self.folder / "socket"))
            (self.folder / "socket").chmod(0o777)
            self._require_heard()
            self.bystander = self._start_bystander(python)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End and remove everything, what a box should not have been able to write included."""
        self._done.set()
        for place in (*ROOTS, *PRIVATE):
            with contextlib.suppress(OSError):
                Path(place, self.note).unlink()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ---------------------------------------------------------------- files

    def _lay_files(self) -> None:
        self.folder.chmod(0o755)
        (self.folder / "canary").write_text(self.secrets["a file"], encoding="ascii")
        (self.folder / "open").mkdir()
        (self.folder / "open").chmod(0o777)
        (self.folder / "file").write_text("as it was", encoding="ascii")
        (self.folder / "file").chmod(0o666)

    def changed(self) -> tuple[str, ...]:
        """What of the host is not as it was laid out."""
        said = []
        if (self.folder / "canary").read_text("ascii", "replace") != self.secrets["a file"]:
            said.append("the host's secret file")
        file = self.folder / "file"
        if not file.exists() or file.read_text("ascii", "replace") != "as it was":
            said.append("a file of the host that anybody may write to")
        if any((self.folder / "open").iterdir()):
            said.append("a folder of the host that anybody may write to")
        noted = [place for place in (*ROOTS, *PRIVATE) if Path(place, self.note).exists()]
        said += [f"{place} of the host" for place in noted]
        return tuple(said)

    # ---------------------------------------------------------------- servers

    def _listen(self, name: str, family: int, kind: int, address: Any) -> int:
        server = self._stack.enter_context(socket.socket(family, kind))
        server.bind(address)
        if kind == socket.SOCK_STREAM:
            server.listen()
        self._heard[name] = 0
        threading.Thread(target=self._serve, args=(name, server), daemon=True).start()
        bound = server.getsockname()
        return int(bound[1]) if isinstance(bound, tuple) else 0

    def _listen6(self) -> int:
        """The port; 0 where this kernel has no IPv6."""
        try:
            return self._listen("tcp6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0))
        except OSError:
            return 0

    def _serve(self, name: str, server: socket.socket) -> None:
        while not self._done.is_set():
            try:
                if not select.select([server], [], [], 0.1)[0]:
                    continue
                if server.type == socket.SOCK_STREAM:
                    server.accept()[0].close()
                else:
                    server.recv(64)
            except (OSError, ValueError):
                return
            self._heard[name] += 1

    def _require_heard(self) -> None:
        """Raises MachineFault unless each server hears the host itself."""
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.tcp), HEARD_SECONDS).close()
        if self.tcp6:
            with contextlib.suppress(OSError):
                socket.create_connection(("::1", self.tcp6), HEARD_SECONDS).close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            datagram.sendto(b"x", ("127.0.0.1", self.udp))
        for address in (f"\0{self.note}-host", str(self.folder / "socket")):
            with socket.socket(socket.AF_UNIX) as stream, contextlib.suppress(OSError):
                stream.connect(address)
        deadline = time.monotonic() + HEARD_SECONDS
        while not all(self._heard.values()):
            if time.monotonic() > deadline:
                deaf = ", ".join(name for name, times in self._heard.items() if not times)
                raise MachineFault(f"the check's own server hears nobody: {deaf}")
            time.sleep(0.01)
        self._heard.update(dict.fromkeys(self._heard, 0))

    def heard(self) -> dict[str, int]:
        """How often each server was reached since it was asked last."""
        heard = dict(self._heard)
        self._heard.update(dict.fromkeys(self._heard, 0))
        return heard

    # ---------------------------------------------------------------- a process

    def _start_bystander(self, python: str) -> subprocess.Popen[bytes]:
        """A process of the box's own user, where that user can run the interpreter."""
        name = f"{self.note}-bystander"
        source = BYSTANDER.replace("SECRET_NAME", self.secret_name)
        command = [python, "-I", "-S", "-c", source, name]
        environment = {self.secret_name: self.secrets["another's memory"]}
        users: list[dict[str, Any]] = [{}]
        if os.geteuid() == 0:
            users.insert(0, {"user": local.NOBODY, "group": local.NOBODY, "extra_groups": []})
        for user in users:
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                process = subprocess.Popen(
                    command,
                    env=environment,
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    start_new_session=True,
                    **user,
                )
                self._stack.callback(_end, process)
                assert process.stdout is not None
                if process.stdout.readline() == b"here\n":
                    return process
        raise MachineFault(f"{python}: a process of the check's own does not start")

    @property
    def secret_name(self) -> str:
        """What the variable is called that holds a secret in the bystander's environment."""
        return "GOLF_VERIFIER_BYSTANDER"

    def bystander_fared(self) -> str:
        """What became of it since it was asked last; "" when it runs on untouched."""
        process = self.bystander
        code = process.poll()
        if code is not None:
            return f"was ended ({code})"
        assert process.stdout is not None
        if select.select([process.stdout], [], [], 0)[0]:
            return f"got {process.stdout.readline().decode('ascii', 'replace').strip()}"
        if os.getpriority(os.PRIO_PROCESS, process.pid) != 0:
            os.setpriority(os.PRIO_PROCESS, process.pid, 0)
            return "was put behind others"
        return ""

    # ---------------------------------------------------------------- what boxes are told

    def given(self) -> dict[str, Any]:
        """What a probe must know to try what it tries. No secret is among it."""
        engine = os.environ.get("DOCKER_HOST", "")
        return {
            "addresses": sorted({"127.0.0.1", *_addresses()}),
            "addresses6": sorted({"::1", *_addresses6()}),
            "servers": list(_name_servers()),
            "tcp": self.tcp,
            "udp": self.udp,
            "tcp6": self.tcp6,
            "abstract": f"{self.note}-host",
            "socket": str(self.folder / "socket"),
            "engines": [engine[7:]] if engine.startswith("unix://") else [],
            "folder": str(self.folder),
            "canary": str(self.folder / "canary"),
            "open_file": str(self.folder / "file"),
            "open_folder": str(self.folder / "open"),
            "note": self.note,
            "bystander": self.bystander.pid,
            "bystander_name": f"{self.note}-bystander",
            "secret_name": self.secret_name,
            "verifier": os.getpid(),
            "kernel": [os.uname().release, os.uname().version],
        }

    def has(self, need: str) -> bool:
        """Whether this machine has what a probe needs."""
        return {"": True, "ipv6": self.tcp6 != 0, "events": os.access(UEVENT, os.W_OK)}[need]


def make_event() -> None:
    """Let the kernel tell whoever listens that a device changed, which it did not."""
    with contextlib.suppress(OSError):
        UEVENT.write_text("change", encoding="ascii")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _addresses() -> Iterator[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):
                request = struct.pack("256s", name.encode()[:15])
                answer = fcntl.ioctl(asked.fileno(), SIOCGIFADDR, request)
                yield socket.inet_ntoa(answer[20:24])


def _addresses6() -> Iterator[str]:
    with contextlib.suppress(OSError):
        for line in Path("/proc/net/if_inet6").read_text(encoding="ascii").splitlines():
            yield socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line.split()[0]))


def _name_servers() -> Iterator[str]:
    with contextlib.suppress(OSError):
        for line in NAME_SERVERS.read_text("utf-8", "replace").splitlines():
            word, _, server = line.strip().partition(" ")
            if word == "nameserver":
                with contextlib.suppress(OSError):
                    socket.inet_aton(server.strip())
                    yield server.strip()
