"""Does the kernel answer a question that it should not? Calls that boxes do without.

Most are refused by the filter before they are looked at; a box without one gets another error.
"""

from __future__ import annotations

from verifier.sandbox import syscalls
from verifier.sandbox.selfcheck.judging import only, refused
from verifier.sandbox.selfcheck.probe import Family, Probe

FILTER = "system call filter"
REFUSED = syscalls.parse(syscalls.REFUSED)


def _calls(id: str, tries: str, source: str, *attempts: str, wall: str = FILTER) -> Probe:
    return Probe(id=id, wall=wall, tries=tries, source=source, judge=refused(*attempts))


CALLS = Family(
    name="calls",
    title="Questions to the kernel",
    probes=(
        _calls(
            "call-io-uring",
            "do input and output where no filter sees it (io_uring, asynchronous I/O)",
            """
ask("io_uring_setup", 4, ctypes.create_string_buffer(120))
ask("io_uring_enter", -1, 0, 0, 0)
ask("io_uring_register", -1, 0)
ask("io_setup", 4, ctypes.byref(ctypes.c_long()))
ask("io_submit", 0, 0)
""",
            *("io_uring_setup", "io_setup"),
        ),
        _calls(
            "call-bpf",
            "load a program into the kernel",
            'ask("bpf", 0, ctypes.create_string_buffer(128), 128)\nask("bpf", 5, 0, 0)',
            "bpf",
        ),
        _calls(
            "call-perf",
            "count what other processes do on this processor",
            """
event = ctypes.create_string_buffer(struct.pack("=IIQ", 1, 120, 0) + bytes(112))
ask("perf_event_open", event, 0, -1, -1, 0)
""",
            "perf_event_open",
        ),
        _calls(
            "call-userfaultfd",
            "answer the kernel's own page faults",
            'ask("userfaultfd", 1)',
            "userfaultfd",
        ),
        _calls(
            "call-keyrings",
            "keep a note in a keyring of the kernel",
            """
ask("add_key", b"user", b"golf-verifier-probe", b"note", 4, -4)
ask("keyctl", 0, -4, 0)
ask("request_key", b"user", b"golf-verifier-probe", 0, 0)
""",
            *("add_key", "keyctl", "request_key"),
        ),
        _calls(
            "call-queues",
            "keep a note in a message queue",
            """
ask("msgget", 0, 0o1600)
ask("mq_open", b"golf-verifier-probe", 0o102, 0o600, 0)
ask("mq_unlink", b"golf-verifier-probe")
""",
            *("msgget", "mq_open"),
        ),
        _calls(
            "call-shared-memory",
            "keep a note in shared memory or a semaphore of the system's",
            'ask("shmget", 0, 4096, 0o1600)\nask("semget", 0, 1, 0o1600)\nask("shmat", 0, 0, 0)',
            *("shmget", "semget", "shmat"),
        ),
        _calls(
            "call-page-cache",
            "see which pages of a file lie in memory",
            """
import mmap
file = os.open("/in/given", os.O_RDONLY)
pages = libc.mmap
pages.restype = ctypes.c_void_p
at = pages(None, ctypes.c_size_t(4096), 1, 2, file, ctypes.c_long(0))
ask("mincore", at, 4096, ctypes.create_string_buffer(8))
ask("cachestat", file, (ctypes.c_uint64 * 2)(0, 4096), (ctypes.c_uint64 * 5)(), 0)
attempt("preadv2 nowait", os.preadv, file, [bytearray(1)], 0, 8)
""",
            *("mincore", "cachestat", "preadv2 nowait"),
        ),
        _calls(
            "call-inotify",
            "be told when another box opens an input",
            """
ask("inotify_init1", 0)
ask("inotify_add_watch", 0, b"/in", 1)
ask("fanotify_init", 0, 0)
""",
            *("inotify_init1", "fanotify_init"),
        ),
        _calls(
            "call-dnotify",
            "be told when another box reads a folder's file, the old way (fcntl)",
            """
import fcntl
place = os.open("/in", os.O_RDONLY)
attempt("F_NOTIFY", fcntl.fcntl, place, 1026, 1)
attempt("F_SETLEASE", fcntl.fcntl, os.open("/in/given", os.O_RDONLY), 1024, 0)
""",
            *("F_NOTIFY", "F_SETLEASE"),
        ),
        _calls(
            "call-tracing",
            "trace a process, read and write its memory, compare it with another",
            """
child = os.fork()
if child == 0:
    time.sleep(5)
    os._exit(0)
buffer = ctypes.create_string_buffer(8)
parts = struct.pack("@NN", ctypes.addressof(buffer), 8)
ask("ptrace", 16, child)
ask("process_vm_readv", child, parts, 1, parts, 1, 0)
ask("process_vm_writev", child, parts, 1, parts, 1, 0)
ask("kcmp", child, os.getpid(), 0, 0, 0)
attempt("process_madvise", lambda: call("process_madvise", os.pidfd_open(child), parts, 1, 21, 0))
ask("move_pages", child, 0)
os.kill(child, 9)
""",
            *("ptrace", "process_vm_readv", "process_vm_writev", "kcmp"),
        ),
        _calls(
            "call-namespaces",
            "make namespaces, in which it would be root, or enter others",
            """
def clone(flag):
    pid = call("clone", flag | 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
for name, flag in (("mount", 0x20000), ("cgroup", 0x2000000), ("uts", 0x4000000),
                   ("ipc", 0x8000000), ("user", 0x10000000), ("pid", 0x20000000),
                   ("net", 0x40000000)):
    attempt("clone " + name, clone, flag)
attempt("unshare user", call, "unshare", 0x10000000)
attempt("unshare time", call, "unshare", 0x80)
attempt("setns", call, "setns", os.open("/proc/self/ns/net", os.O_RDONLY), 0)
attempt("clone3", call, "clone3", 0, 0)
""",
            *("clone user", "clone net", "unshare user", "setns", "clone3"),
        ),
        _calls(
            "call-mounts",
            "mount, unmount, move the root",
            """
ask("mount", b"none", b"/tmp", b"tmpfs", 0, 0)
ask("mount", 0, b"/", 0, 32 | 4096, 0)
ask("umount2", b"/in", 2)
ask("pivot_root", b"/tmp", b"/tmp")
ask("chroot", b"/tmp")
ask("fsopen", b"tmpfs", 0)
ask("open_tree", -100, b"/", 1)
ask("move_mount", -1, b"", -1, b"", 0)
ask("mount_setattr", -1, b"", 0, 0, 0)
ask("listmount", 0, 0, 0, 0)
""",
            *("mount", "umount2", "pivot_root", "chroot", "fsopen", "open_tree"),
        ),
        _calls(
            "call-handles",
            "open a file by its number instead of its name",
            """
ask("name_to_handle_at", -100, b"/in", ctypes.create_string_buffer(struct.pack("=Ii", 128,
    0) + bytes(128)),
    ctypes.byref(ctypes.c_int()), 0)
ask("open_by_handle_at", -100, ctypes.create_string_buffer(struct.pack("=Ii", 8, 1) + bytes(8)), 0)
""",
            *("name_to_handle_at", "open_by_handle_at"),
        ),
        _calls(
            "call-machine",
            "load modules, another kernel or swap; read its log; reach ports; restart",
            """
ask("init_module", 0, 0, 0)
ask("finit_module", -1, 0, 0)
ask("delete_module", 0, 0)
ask("kexec_load", 0, 0, 0, 0)
ask("swapon", 0, 0)
ask("acct", b"/nowhere")
ask("syslog", 10, 0, 0)
ask("iopl", 0)
ask("ioperm", 0, 0, 0)
ask("modify_ldt", 0, 0, 0)
ask("quotactl", 0, 0, 0, 0)
ask("reboot", 0, 0, 0, 0)
ask("vhangup")
ask("sethostname", b"localhost", 9)
""",
            *("init_module", "kexec_load", "syslog", "reboot", "sethostname"),
        ),
        _calls(
            "call-other-table",
            "ask by the tables of other architectures (32-bit calls, x32)",
            """
import mmap
def thirty_two():
    # mov edi, -1; mov eax, 20 (getpid); int 0x80; ret
    code = mmap.mmap(-1, 4096, prot=7)
    code.write(b"\\xbf\\xff\\xff\\xff\\xff\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
def in_a_child(action, *arguments):
    # A filter may kill whoever asks so.
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = action(*arguments)
        except OSError as fault:
            answer = -fault.errno
        os.write(writer, str(answer).encode())
        os._exit(0)
    os.close(writer)
    answer = int(os.read(reader, 64) or -errno.EPERM)
    os.waitpid(child, 0)
    if answer < 0:
        raise OSError(-answer, "")
    return answer
attempt("32 bits", in_a_child, thirty_two)
# A kernel that has one table only takes it for that table's 20: writev, to no file.
said["32 bits"] = "ENOSYS" if said["32 bits"] == "EBADF" else said["32 bits"]
attempt("x32", in_a_child, raw, 0x40000000 + 39)
""",
            *("32 bits", "x32"),
        ),
        _calls(
            "call-each",
            "make every call that the filter refuses, each once, with nothing to work on",
            f"for name in {sorted(REFUSED)!r}:\n    ask(name, *[-1] * 6)",
            *sorted(REFUSED),
        ),
        _calls(
            "call-unknown",
            "ask what no table has, and calls that are not made yet",
            "for number in (340, 500, 511, 600, 1999, 4000):\n"
            '    attempt(f"call {number}", raw, number)',
            *("call 340", "call 1999"),
        ),
        _calls(
            "call-clock",
            "set the clock of the machine, or its speed",
            """
now = struct.pack("@qq", int(time.time()), 0)
ask("clock_settime", 0, now)
ask("settimeofday", now, 0)
ask("adjtimex", ctypes.create_string_buffer(208))
ask("clock_adjtime", 0, ctypes.create_string_buffer(208))
""",
            *("clock_settime", "settimeofday", "adjtimex", "clock_adjtime"),
        ),
        _calls(
            "call-pages",
            "hide, hand over or remap pages (memfd_secret, vmsplice, remap_file_pages)",
            """
ask("memfd_secret", 0)
ask("vmsplice", 1, 0, 0, 0)
ask("remap_file_pages", 0, 4096, 0, 0, 0)
ask("migrate_pages", 0, 0, 0, 0)
ask("map_shadow_stack", 0, 4096, 0)
""",
            *("memfd_secret", "vmsplice", "remap_file_pages"),
        ),
        _calls(
            "call-personality",
            "switch off that memory lies at random places",
            'attempt("personality", call, "personality", 0x40000)',
            "personality",
        ),
        Probe(
            id="call-kernel",
            wall="kernel of its own",
            tries="ask the machine's own kernel anything",
            source="""
answer = os.uname()
note("kernel", "its own" if given["kernel"] != [answer.release, answer.version] else "the host's")
""",
            judge=only("its own", "kernel"),
            lacks=("the kernel is shared with the host", "no namespaces"),
        ),
    ),
)
