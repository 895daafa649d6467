"""Can a box get a right that it was not given, or keep one that it should have lost?

What it is, what it may become, and what it is held to.
"""

from __future__ import annotations

from verifier.sandbox.selfcheck.judging import NOTHING_THERE, REFUSALS, only, refused
from verifier.sandbox.selfcheck.probe import Family, Probe

RIGHTS = Family(
    name="rights",
    title="Rights",
    probes=(
        Probe(
            id="rights-status",
            wall="capabilities",
            tries="find a capability or no filter in what the kernel says of it",
            source="""
fields = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines()
              if ":\\t" in line)
for name in ("CapInh", "CapPrm", "CapEff") + given["bounding"] * ("CapBnd",):
    note(name, "none" if int(fields[name], 16) == 0 else fields[name])
# Not every kernel has ambient ones.
note("CapAmb", "none" if int(fields.get("CapAmb", "0"), 16) == 0 else fields["CapAmb"])
note("calls", "none" if fields["Seccomp"] == "2" else "all are answered")
""",
            judge=only("none", "CapPrm", "CapEff", "calls"),
            lacks=("no system call filter",),
        ),
        Probe(
            id="rights-user",
            wall="unprivileged user",
            tries="be root, or in a group of the host's",
            source="""
groups = set(os.getgroups()) - {os.getgid()}
note("user", "nobody" if set(os.getresuid()) == {given["user"]} != {0} else f"{os.getresuid()}")
note("group", "nobody" if 0 not in os.getresgid() else f"{os.getresgid()}")
# The kernel shows a group that has no number in the box as the last one of all.
note("groups", "nobody" if groups <= {65534} or groups <= set(given["groups"]) else f"{groups}")
""",
            judge=only("nobody", "user", "group", "groups"),
            lacks=("the box runs as root without capabilities",),
        ),
        Probe(
            id="rights-become",
            wall="unprivileged user",
            tries="become root, or anybody else",
            source="""
for user in (0, 1, 1000):
    attempt(f"setuid {user}", os.setuid, user)
    attempt(f"setgid {user}", os.setgid, user)
attempt("setresuid", os.setresuid, 0, 0, 0)
attempt("setgroups", os.setgroups, [0])
attempt("capset", raw, given["calls"]["capset"], struct.pack("=Ii", 0x20080522, 0),
    struct.pack("=6I", 1 << 21, 1 << 21, 0, 0, 0, 0))
attempt("ambient", raw, given["calls"]["prctl"], 47, 2, 21, 0, 0)
""",
            judge=refused(
                "setuid 0", "setgid 0", "setresuid", "setgroups", "capset", by=REFUSALS | {"EINVAL"}
            ),
            lacks=("the box runs as root without capabilities",),
        ),
        Probe(
            id="rights-setuid",
            wall="no new privileges",
            tries="be allowed new privileges, by a program that makes whoever runs it root",
            source="""
found = []
for top, folders, names in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(top, name) not in ("/proc", "/sys",
        "/dev")]
    for name in names:
        try:
            status = os.lstat(os.path.join(top, name))
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_mode & 0o6000:
            found.append((os.path.join(top, name), status.st_mode & 0o6000))
# PR_GET_NO_NEW_PRIVS
attempt("flag", call, "prctl", 39, 0, 0, 0, 0)
if said["flag"] == "did: 1":
    note("flag", "powerless")
    found = []
note("programs", found[:3] or "powerless")
""",
            judge=only("powerless", "flag", "programs"),
        ),
        Probe(
            id="rights-priority",
            wall="capabilities",
            tries="go before everybody else: real time, a deadline, first at the disk",
            source="""
attempt("real time", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(50))
attempt("round robin", os.sched_setscheduler, 0, os.SCHED_RR, os.sched_param(1))
attempt("disk", raw, given["calls"]["ioprio_set"], 1, 0, 1 << 13)
deadline = struct.pack("=IIQiIQQQ", 48, 6, 0, 0, 0, 10**7, 3 * 10**7, 3 * 10**7)
attempt("deadline", raw, given["calls"]["sched_setattr"], 0, deadline, 0)
""",
            judge=refused("real time", "disk", "deadline", by=REFUSALS | {"EINVAL"}),
        ),
        Probe(
            id="rights-order",
            wall="capabilities",
            tries="go before others by its niceness, or be the last to be killed for memory",
            source="""
def last():
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("-1000")
attempt("nice", os.setpriority, os.PRIO_PROCESS, 0, -10)
attempt("last to be killed", last)
""",
            judge=refused("nice", "last to be killed", by=NOTHING_THERE),
            lacks=("gVisor's own kernel has",),
        ),
        Probe(
            id="rights-limits",
            wall="limits",
            tries="raise a limit it is held to",
            source="""
import resource
for name in ("NOFILE", "FSIZE", "CORE", "MSGQUEUE"):
    kind = getattr(resource, "RLIMIT_" + name, 12)
    hard = resource.getrlimit(kind)[1]
    def raise_it():
        try:
            resource.setrlimit(kind, (-1, -1))
        except ValueError:
            raise PermissionError(errno.EPERM, "")
    if name != "MSGQUEUE" or hard != -1:
        attempt(name, raise_it)
""",
            judge=refused("NOFILE", "FSIZE", "CORE", by=NOTHING_THERE),
        ),
        Probe(
            id="rights-devices",
            wall="capabilities",
            tries="make device nodes",
            source="""
for index, place in enumerate(("/tmp", "/out", "/cache")):
    for name, kind, number in (("disk", stat.S_IFBLK, os.makedev(254, 0)), ("memory",
        stat.S_IFCHR, os.makedev(1, 1)),
                               ("zero", stat.S_IFCHR, os.makedev(1, 5))):
        attempt(f"{index} {name}", os.mknod, f"{place}/{name}", 0o666 | kind, number)
""",
            judge=refused("0 disk", "0 memory", "1 disk", "2 zero"),
            lacks=("gVisor's own kernel has",),
        ),
        Probe(
            id="rights-nodes",
            wall="own devices",
            tries="open the machine's disks and memory by nodes that it made",
            source="""
devices = [("memory", stat.S_IFCHR, 1, 1), ("ports", stat.S_IFCHR, 1, 4),
           ("log", stat.S_IFCHR, 1, 11), ("kvm", stat.S_IFCHR, 10, 232),
           ("terminal", stat.S_IFCHR, 4, 1)]
devices += [(f"disk {major}", stat.S_IFBLK, major, 0) for major in (7, 8, 252, 253, 254, 259)]
for index, place in enumerate(("/tmp", "/out", "/cache")):
    for name, kind, major, minor in devices:
        path = f"{place}/opened-{name}".replace(" ", "-")
        def opened():
            os.mknod(path, 0o666 | kind, os.makedev(major, minor))
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        attempt(f"{index} {name}", opened)
""",
            judge=refused("0 memory", "0 disk 8", "1 kvm", "2 disk 254", by=NOTHING_THERE),
        ),
    ),
)
