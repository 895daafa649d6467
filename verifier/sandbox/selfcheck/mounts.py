"""Is anything mounted in a box that it was not given?

The kernel lists a box's mounts to the box itself. A folder of the host under a name that nobody
thought of holds none of the secrets that other probes look for.
"""

from __future__ import annotations

from verifier.sandbox.selfcheck.judging import only
from verifier.sandbox.selfcheck.probe import Probe

MOUNTS = (
    Probe(
        id="read-mounts",
        wall="own mounts",
        tries="find a mount besides its root, its inputs and its own folders",
        source="""
expected = {"/", "/in", "/out", "/tmp", "/cache", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf",
    "/proc/keys", *given["root"]}
kernels = {"proc", "sysfs", "tmpfs", "devtmpfs", "devpts", "mqueue", "cgroup", "cgroup2"}
strange, root = [], False
for line in open("/proc/self/mountinfo", errors="surrogateescape"):
    place = line.split()[4]
    kind = line.split(" - ")[1].split()[0]
    root = root or place == "/"
    if place not in expected and not (place.startswith(("/proc", "/sys", "/dev"))
            and kind in kernels):
        strange.append(ascii(place))
note("mounts", "its own" if root and not strange else strange or "not even a root")
""",
        judge=only("its own", "mounts"),
        lacks=("no namespaces: processes",),
    ),
    Probe(
        id="read-mount-rights",
        wall="own mounts",
        tries="find a folder to write to where device nodes and other users' programs count",
        source="""
loose, seen = [], set()
for line in open("/proc/self/mountinfo", errors="surrogateescape"):
    fields = line.split()
    seen.add(fields[4])
    if fields[4] in ("/out", "/tmp", "/cache", "/dev/shm") and not {"nosuid",
            "nodev"} <= set(fields[5].split(",")):
        loose.append(fields[4])
note("folders", "neither" if {"/out", "/tmp", "/cache"} <= seen and not loose else loose or "none")
""",
        judge=only("neither", "folders"),
        # Its own kernel says nothing of them.
        lacks=("gVisor's own kernel has", "no namespaces: processes"),
    ),
)
