"""Can a box read what is the host's, or write what is not its own?

The host lays a secret outside beforehand, and compares inputs and its own folders afterwards.
"""

from __future__ import annotations

from verifier.sandbox.selfcheck.judging import NOTHING_THERE, only, refused
from verifier.sandbox.selfcheck.mounts import MOUNTS
from verifier.sandbox.selfcheck.probe import Family, Probe

# Where a file cannot be made: nobody may, nothing is there, or nothing can be written there.
CLOSED = NOTHING_THERE | {
    "EINVAL",
    "EROFS",
    "ENOTSUP",
    "EOPNOTSUPP",
    "EXDEV",
    "ELOOP",
    "EISDIR",
    "EBUSY",
}

READING = Family(
    name="reading",
    title="Files of the host",
    probes=(
        Probe(
            id="read-canary",
            wall="own mounts",
            tries="read a file of the host that anybody may read, by every way there",
            source="""
path = given["canary"]
def read(way):
    with open(way, "rb") as file:
        return file.read(64)
ways = {"itself": path, "init's root": "/proc/1/root" + path, "our root": "/proc/self/root" + path,
        "init's folder": "/proc/1/cwd" + path, "up": "../" * 20 + path[1:],
        "parent's root": f"/proc/{os.getppid()}/root" + path, "host's": "/host" + path}
for name, way in ways.items():
    attempt(name, read, way)
def by_descriptor():
    place = os.open("/in", os.O_RDONLY)
    for _ in range(20):
        place = os.open("..", os.O_RDONLY, dir_fd=place)
    with open(os.open(path[1:], os.O_RDONLY, dir_fd=place), "rb") as file:
        return file.read(64)
def by_link():
    os.symlink(path, "/tmp/link")
    return read("/tmp/link")
attempt("descriptors", by_descriptor)
attempt("a link", by_link)
""",
            judge=refused("itself", "init's root", "up", "descriptors", "a link", by=CLOSED),
            lacks=("no Landlock",),
        ),
        *MOUNTS,
        Probe(
            id="read-around",
            wall="own mounts",
            tries="list the host's homes, logs, keys and temporary folders",
            source="""
def look(path):
    return os.listdir(path)[:3] or None if os.path.isdir(path) else open(path, "rb").read(16)
for path in ("/home", "/root", "/var/log", "/var/lib/docker", "/etc/shadow", "/etc/ssh",
             "/var/run/secrets", "/boot", "/mnt", "/srv", "/var/tmp", given["folder"]):
    # In a root of its own the interpreter lies where it lay on the host: that is the box's.
    if os.path.realpath(sys.executable).startswith(path + "/"):
        note(path, "ENOENT")
        continue
    try:
        note(path, look(path) or "ENOENT")
    except OSError as fault:
        note(path, errno.errorcode[fault.errno])
""",
            judge=refused("/home", "/etc/shadow", by=CLOSED),
            lacks=("no Landlock",),
        ),
        Probe(
            id="read-environment",
            wall="own environment",
            tries="find more in its environment than was put there",
            source="""
names = set(os.environ) - {"PATH", "HOME", "TMPDIR", "HOSTNAME", "PWD", "LC_CTYPE",
    "VERIFIER_CHANNEL"}
note("names", "what was given" if not names else sorted(names))
""",
            judge=only("what was given", "names"),
        ),
        Probe(
            id="read-descriptors",
            wall="nothing left open",
            tries="find an open file of the host",
            source="""
for number in range(3, 256):
    try:
        target = os.readlink(f"/proc/self/fd/{number}")
        os.fstat(number)
    except OSError:
        continue
    note(f"descriptor {number}", target)
def typed():
    import fcntl
    with open("/dev/tty", "rb") as terminal:
        fcntl.ioctl(terminal, 0x5412, b"x")
note("opened", "none but three")
attempt("terminal", typed)
said["terminal"] = "none but three" if said["terminal"] in ("ENXIO", "ENOENT", "EACCES",
    "EPERM", "EIO") else said["terminal"]
""",
            judge=only("none but three", "opened", "terminal"),
        ),
        Probe(
            id="read-kernel",
            wall="hidden kernel files",
            tries="read the kernel's memory, keys, timers and log",
            source="""
def read(path):
    with open(path, "rb") as file:
        content = file.read(64)
    if not content:
        raise OSError(errno.ENOENT, "")
    return content
for path in ("/proc/kcore", "/proc/timer_list", "/proc/sched_debug", "/proc/kmsg",
    "/dev/kmsg",
             "/dev/mem", "/dev/kmem", "/dev/port", "/sys/firmware/dmi/tables/DMI",
                 "/sys/kernel/debug/sched",
             "/proc/1/stack", "/sys/kernel/security/lsm", "/proc/kpagecount"):
    attempt(path, read, path)
addresses = set()
try:
    with open("/proc/kallsyms") as file:
        addresses = {line.split()[0] for line in file.readlines(4000)}
except OSError:
    pass
note("addresses", "EPERM" if addresses <= {"0" * 16} else f"shown: {max(addresses)}")
""",
            judge=refused("/proc/kcore", "/dev/mem", "addresses", by=CLOSED | {"EIO"}),
        ),
        Probe(
            id="read-keys",
            wall="hidden kernel files",
            tries="list the keys that its user has in the kernel",
            source="""
def keys():
    with open("/proc/keys", "rb") as file:
        found = file.read(200)
    # The box's own session has none.
    return found or None
attempt("keys", keys)
if said["keys"] == "did":
    note("keys", "ENOENT")
""",
            judge=refused("keys", by=CLOSED),
            lacks=("names of keys",),
        ),
        Probe(
            id="read-devices",
            wall="own devices",
            tries="open the machine's disks, virtual machines, tunnels and other devices",
            source="""
names = ["kvm", "mapper/control", "loop-control", "loop0", "vda", "sda", "nvme0n1", "userfaultfd",
         "vhost-net", "vhost-vsock", "btrfs-control", "uinput", "snapshot", "hpet",
             "vfio/vfio", "vsock",
         "rtc0", "watchdog", "input/event0", "snd/timer", "dri/card0", "tty0", "tty1", "ttyS0",
             "cpu/0/msr",
         "nvidiactl", "nvidia0", "nvidia-uvm"]
for name in names:
    for way, flags in (("r", os.O_RDONLY), ("w", os.O_WRONLY)):
        attempt(f"{name} {way}", os.open, "/dev/" + name, flags | os.O_NONBLOCK)
known = {"null", "zero", "full", "random", "urandom", "tty", "pts", "ptmx", "shm", "mqueue", "fd",
    "stdin",
         "stdout", "stderr", "core", "console", "fuse", "net"}
try:
    more = sorted(set(os.listdir("/dev")) - known)
except OSError:
    more = []
note("others", "ENOENT" if not more else more)
""",
            judge=refused("kvm r", "vda w", "others", by=CLOSED),
        ),
        Probe(
            id="read-tunnels",
            wall="own devices",
            tries="open what file systems and network interfaces are made with (fuse, tun)",
            source="""
for name in ("fuse", "cuse", "net/tun", "net/tap0"):
    for way, flags in (("r", os.O_RDONLY), ("w", os.O_WRONLY)):
        attempt(f"{name} {way}", os.open, "/dev/" + name, flags | os.O_NONBLOCK)
try:
    more = sorted(set(os.listdir("/dev/net")) - {"tun"})
except OSError:
    more = []
note("others", "ENOENT" if not more else more)
""",
            judge=refused("fuse r", "fuse w", "net/tun r", "net/tun w", "others", by=CLOSED),
            lacks=("gVisor's own kernel has",),
        ),
    ),
)

WRITING = Family(
    name="writing",
    title="What is not its own to write",
    probes=(
        Probe(
            id="write-inputs",
            wall="read-only inputs",
            tries="change an input: bytes, names, length, through a mapping and by its descriptor",
            source="""
import mmap
def through_proc():
    with open("/in/given") as file:
        with open(f"/proc/self/fd/{file.fileno()}", "r+") as again:
            again.write("changed")
def mapped():
    with open("/in/given", "rb") as file:
        mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_WRITE | mmap.PROT_READ)[0:1] = b"x"
def replaced():
    with open("/tmp/other", "w") as file:
        file.write("x")
    os.rename("/tmp/other", "/in/given")
def written():
    with open("/in/given", "r+") as file:
        file.write("changed")
attempt("write", written)
attempt("truncate", os.truncate, "/in/given", 0)
attempt("unlink", os.unlink, "/in/given")
attempt("rename", os.rename, "/in/given", "/in/other")
attempt("replace", replaced)
attempt("add", lambda: open("/in/new", "w").close())
attempt("link", os.link, "/in/given", "/out/given")
attempt("folder", os.mkdir, "/in/folder")
attempt("symlink", os.symlink, "x", "/in/symlink")
attempt("descriptor", through_proc)
attempt("mapping", mapped)
""",
            judge=refused("write", "truncate", "unlink", "add", "mapping", by=CLOSED),
        ),
        Probe(
            id="write-times",
            wall="read-only inputs",
            tries="change an input's rights, times, owner and attributes",
            source="""
attempt("rights", os.chmod, "/in/given", 0o777)
attempt("times", os.utime, "/in/given", (0, 0))
attempt("owner", os.chown, "/in/given", os.getuid(), os.getgid())
attempt("attribute", os.setxattr, "/in/given", "user.note", b"x")
attempt("folder's rights", os.chmod, "/in", 0o777)
""",
            judge=refused("rights", "times", by=CLOSED),
            lacks=("rights and times of inputs can be changed",),
        ),
        Probe(
            id="write-root",
            wall="read-only root",
            tries="write to the root file system",
            source="""
for place in ("/", "/usr", "/usr/bin", "/etc", "/var", "/lib", "/root", "/run", "/home", "/opt",
    "/dev", "/var/tmp"):
    path = f"{place}/{given['note']}".replace("//", "/")
    attempt(place, lambda: open(path, "w").close())
attempt("hosts", lambda: open("/etc/hosts", "a").write("x"))
""",
            judge=refused("/", "/usr", "/etc", by=CLOSED),
        ),
        Probe(
            id="write-host",
            wall="own mounts",
            tries="write to a file and a folder of the host that anybody may write to",
            source="""
def write(path):
    with open(path, "w") as file:
        file.write("changed")
attempt("file", write, given["open_file"])
attempt("folder", write, given["open_folder"] + "/" + given["note"])
attempt("rename", os.rename, given["open_file"], given["open_folder"] + "/other")
attempt("by init", write, "/proc/1/root" + given["open_file"])
attempt("socket", lambda: socket.socket(socket.AF_UNIX).bind(given["open_folder"] + "/socket"))
""",
            judge=refused("file", "folder", "rename", by=CLOSED),
            lacks=("no Landlock",),
        ),
        Probe(
            id="write-kernel",
            wall="closed kernel files",
            tries="open a setting of the kernel for writing: core dumps, memory, the emergency key",
            source="""
for path in ("kernel/core_pattern", "kernel/modprobe", "kernel/hostname",
    "kernel/randomize_va_space", "vm/drop_caches",
             "vm/overcommit_memory", "net/ipv4/ip_forward", "fs/file-max",
                 "fs/binfmt_misc/register", "kernel/sysrq"):
    attempt(path, os.open, "/proc/sys/" + path, os.O_WRONLY)
for path in ("/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/proc/bus/pci",
    "/sys/kernel/uevent_helper",
             "/sys/power/state", "/sys/kernel/mm/ksm/run", "/sys/fs/bpf/x",
                 "/sys/kernel/security/apparmor/.load",
             "/sys/devices/system/cpu/cpu0/online"):
    attempt(path, os.open, path, os.O_WRONLY)
""",
            judge=refused("kernel/core_pattern", "/proc/sysrq-trigger", by=CLOSED),
        ),
        Probe(
            id="write-groups",
            wall="control group",
            tries="leave its control group, or raise what that holds it to",
            source="""
places = ["/sys/fs/cgroup"]
try:
    places += ["/sys/fs/cgroup/" + name for name in os.listdir("/sys/fs/cgroup")]
    for line in open("/proc/self/cgroup"):
        _, names, path = line.rstrip("\\n").split(":", 2)
        places += [f"/sys/fs/cgroup/{names}{path}", f"/sys/fs/cgroup{path}"]
except OSError:
    pass
for index, place in enumerate(dict.fromkeys(places)):
    for name in ("cgroup.procs", "memory.max", "memory.limit_in_bytes", "pids.max",
        "release_agent", "devices.allow"):
        attempt(f"{index} {name}", os.open, f"{place}/{name}", os.O_WRONLY)
    attempt(f"{index} group", os.mkdir, place + "/golf-verifier-probe")
""",
            judge=refused("0 cgroup.procs", "0 group", by=CLOSED | {"EEXIST"}),
        ),
    ),
)
