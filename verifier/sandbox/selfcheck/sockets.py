"""Can a box that may open Unix sockets, because it has a channel, reach another's?

The host listens on two of its own meanwhile, and says whether anybody came.
"""

from __future__ import annotations

from verifier.sandbox.selfcheck.judging import NO_WAY, REFUSALS, refused, unheard
from verifier.sandbox.selfcheck.probe import Family, Probe

SOCKETS = Family(
    name="sockets",
    title="Sockets of this machine, from a box that has a channel",
    channel=True,
    probes=(
        Probe(
            id="unix-abstract",
            wall="own network",
            tries="connect to an abstract Unix socket of the host",
            source="""
def connect():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\\0" + given["abstract"])
        s.send(b"x")
attempt("connect", connect)
""",
            judge=unheard(refused("connect", by=NO_WAY), "abstract"),
            lacks=("Landlock is old",),
        ),
        Probe(
            id="unix-path",
            wall="own mounts",
            tries="connect to a Unix socket of the host that anybody may open",
            source="""
def connect():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(given["socket"])
        s.send(b"x")
attempt("connect", connect)
""",
            judge=unheard(refused("connect", by=NO_WAY), "path"),
            lacks=("a Unix socket open to its user",),
        ),
        Probe(
            id="unix-engine",
            wall="own mounts",
            tries="speak with a container engine, the system's bus or its log",
            source="""
def connect(path, kind):
    with socket.socket(socket.AF_UNIX, kind) as s:
        s.connect(path)
for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock",
             "/run/podman/podman.sock", "/run/crio/crio.sock", "/run/dbus/system_bus_socket",
             "/run/systemd/private", "/dev/log", "/run/nvidia-persistenced/socket",
                 *given["engines"]):
    for kind in (1, 2):
        attempt(f"{kind} {path}", connect, path, kind)
""",
            judge=refused("1 /var/run/docker.sock", by=NO_WAY | {"EPROTOTYPE"}),
            lacks=("a Unix socket open to its user",),
        ),
        Probe(
            id="unix-descriptors",
            wall="system call filter",
            tries="take a descriptor out of another process (pidfd_getfd)",
            source="""
attempt("pidfd_getfd", lambda: call("pidfd_getfd", os.pidfd_open(os.getpid()), 1, 0))
""",
            judge=refused("pidfd_getfd", by=REFUSALS),
        ),
        Probe(
            id="unix-channel",
            wall="read-only inputs",
            tries="put a socket of its own in the place of the channel's",
            source="""
place = os.environ["VERIFIER_CHANNEL"]
attempt("unlink", os.unlink, place + "/wire")
attempt("rename", os.rename, place + "/wire", place + "/other")
attempt("add", lambda: open(place + "/more", "w").close())
attempt("bind", lambda: socket.socket(socket.AF_UNIX).bind(place + "/mine"))
""",
            judge=refused("unlink", "rename", "add", "bind", by=REFUSALS | {"EROFS"}),
        ),
    ),
)
