"""Can a box reach a process that is not its own?

A process of the host with the box's own user runs meanwhile, with a secret in its environment and
memory; it notes whatever signal it gets.
"""

from __future__ import annotations

from verifier.sandbox.selfcheck.judging import NOTHING_THERE, only, refused, untouched
from verifier.sandbox.selfcheck.probe import Family, Probe

OUT_OF_REACH = NOTHING_THERE | {"EIO", "EINVAL"}

PROCESSES = Family(
    name="processes",
    title="Processes of the host",
    probes=(
        Probe(
            id="process-names",
            wall="own processes",
            tries="see a process that is not its own",
            source="""
seen = [name for name in os.listdir("/proc") if name.isdigit()]
mine = set()
for name in seen:
    try:
        if given["bystander_name"].encode() in open(f"/proc/{name}/cmdline", "rb").read():
            mine.add(name)
    except OSError:
        pass
note("host's", "not seen" if not mine and len(seen) < 12 else f"{len(seen)} processes")
""",
            judge=only("not seen", "host's"),
            lacks=("no namespaces: processes",),
        ),
        Probe(
            id="process-environment",
            wall="own processes",
            tries="read the environment, files and root of every process it sees",
            source="""
def read(path):
    with open(path, "rb") as file:
        return file.read(100_000)
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) not in (os.getpid(), os.getppid()):
        for what in ("environ", "auxv"):
            try:
                content = read(f"/proc/{name}/{what}")
                if given["secret_name"].encode() in content:
                    note("found", content)
            except OSError:
                pass
other = outside(given["bystander"])
attempt("environment", read, f"/proc/{other}/environ")
attempt("root", os.listdir, f"/proc/{other}/root/tmp")
attempt("folder", os.listdir, f"/proc/{other}/cwd/")
attempt("file", read, f"/proc/{other}/fd/0")
""",
            judge=untouched(refused("environment", "root", by=OUT_OF_REACH)),
            lacks=("no Landlock",),
        ),
        Probe(
            id="process-memory",
            wall="own processes",
            tries="read and write the memory of a process of the host, and of the first",
            source="""
def memory(path, flags):
    place = os.open(path, flags)
    with open(path.replace("mem", "maps")) as file:
        for line in file:
            if "[heap]" in line:
                start = int(line.split("-")[0], 16)
                return os.pread(place, 4_000_000, start)
    return "opened"
other = outside(given["bystander"])
parts = struct.pack("@NN", ctypes.addressof(ctypes.create_string_buffer(8)), 8)
attempt("memory", memory, f"/proc/{other}/mem", os.O_RDONLY)
attempt("memory for writing", memory, f"/proc/{other}/mem", os.O_RDWR)
attempt("trace", call, "ptrace", 16, other)
attempt("read", call, "process_vm_readv", other, parts, 1, parts, 1, 0)
if given["init"]:
    attempt("first", memory, "/proc/1/mem", os.O_RDONLY)
""",
            judge=untouched(refused("memory", "trace", "read", by=OUT_OF_REACH)),
            lacks=("no Landlock",),
        ),
        Probe(
            id="process-signals",
            wall="own processes",
            tries="send signals to a process of the host, by number and by handle",
            source="""
import signal
other = outside(given["bystander"])
attempt("ask", os.kill, other, 0)
attempt("kill", os.kill, other, signal.SIGUSR1)
attempt("group", os.killpg, other, signal.SIGUSR1)
attempt("handle", lambda: signal.pidfd_send_signal(os.pidfd_open(other), signal.SIGUSR1))
attempt("queue", call, "rt_sigqueueinfo", other, signal.SIGUSR1, ctypes.create_string_buffer(128))
""",
            judge=untouched(refused("ask", "kill", "handle", by=OUT_OF_REACH)),
            lacks=("Landlock is old", "no Landlock"),
        ),
        Probe(
            id="process-priority",
            wall="own processes",
            tries="put a process of the host behind others, and on another processor",
            source="""
other = outside(given["bystander"])
attempt("priority", os.setpriority, os.PRIO_PROCESS, other, 19)
attempt("disk", raw, given["calls"]["ioprio_set"], 1, other, 3 << 13)
attempt("processors", os.sched_setaffinity, other, os.sched_getaffinity(0))
attempt("limit", call, "prlimit64", other, 7, struct.pack("=QQ", 64, 64), 0)
""",
            judge=untouched(refused("priority", "processors", "limit", by=OUT_OF_REACH)),
            lacks=("processes of its user can be slowed down",),
        ),
        Probe(
            id="process-keeper",
            wall="own processes",
            tries="stop, kill or trace whoever watches over the box",
            source="""
import signal
watching = outside(given["verifier"])
attempt("kill", os.kill, watching, 0)
attempt("trace", call, "ptrace", 16, watching)
attempt("limit", call, "prlimit64", watching, 7, struct.pack("=QQ", 64, 64), 0)
attempt("processors", os.sched_setaffinity, watching, {0})
attempt("environment", lambda: open(f"/proc/{watching}/environ", "rb").read(9))
""",
            judge=refused("kill", "trace", "limit", by=OUT_OF_REACH),
            lacks=("Landlock is old", "no Landlock"),
        ),
    ),
)
