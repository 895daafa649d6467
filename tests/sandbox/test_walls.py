"""The walls of a box, tried from inside by what runs in it, in every backend there is."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import socket
from pathlib import Path

import pytest

from tests.sandbox.conftest import Boxes
from verifier.records import Assurance
from verifier.sandbox import syscalls
from verifier.sandbox.readback import NO_CAPABILITIES

# ---------------------------------------------------------------- network


def test_a_box_has_no_network(boxes: Boxes) -> None:
    """Nothing outside can be reached, by any family of sockets."""
    end = boxes.run(
        """
        import socket
        for family, address in ((socket.AF_INET, ("1.1.1.1", 53)),
                                (socket.AF_INET6, ("2606:4700::1111", 53))):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                try:
                    with socket.socket(family, kind) as s:
                        s.settimeout(2)
                        s.connect(address)
                    print("reached", family)
                except TimeoutError:
                    print("sent", family)
                except OSError:
                    pass
        """
    )
    assert (end.exit_code, end.log) == (0, "")


def test_a_box_opens_no_socket_but_of_the_listed_families(boxes: Boxes) -> None:
    """A machine's own bus, the kernel's cipher sockets and raw packets are other ways out."""
    end = boxes.run(
        """
        import errno, socket
        families = {"vsock": 40, "alg": 38, "packet": 17, "bluetooth": 31, "can": 29, "key": 15,
                    "tipc": 30, "xdp": 44, "rds": 21}
        for name, family in families.items():
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, 3):
                try:
                    socket.socket(family, kind)
                    print(name, "opened")
                except OSError as fault:
                    if fault.errno != errno.EPERM:
                        print(name, errno.errorcode[fault.errno])
        """
    )
    assert (end.exit_code, end.log) == (0, "")


def test_a_box_has_its_own_loopback_or_none(boxes: Boxes) -> None:
    """torch.distributed listens on localhost; a box without namespaces has no socket at all."""
    end = boxes.run(
        """
        import os, socket
        try:
            with socket.create_server(("127.0.0.1", 0)) as server:
                with socket.create_connection(server.getsockname(), 2):
                    print("own", [name for _, name in socket.if_nameindex()])
        except OSError:
            print("none")
        """
    )
    own = "own ['lo']"
    assert end.log.strip() == (own if boxes.sandbox.level >= Assurance.L1 else "none")


def test_the_name_of_a_box_is_its_own_loopback(boxes: Boxes) -> None:
    """Launchers look their own host name up. Where there is no network there is no name for it."""
    end = boxes.run(
        """
        import os, socket
        try:
            names = {socket.gethostname(), os.environ["HOSTNAME"], "localhost"}
            with socket.create_server((socket.gethostname(), 0)) as server:
                socket.create_connection(("localhost", server.getsockname()[1]), 2).close()
            print(*sorted(names), {socket.gethostbyname(name) for name in names})
        except OSError:
            print("no network")
        """
    )
    own = "localhost {'127.0.0.1'}"
    assert end.log.strip() == (own if boxes.sandbox.level >= Assurance.L1 else "no network")


def test_no_server_of_the_host_can_be_reached(boxes: Boxes) -> None:
    """Neither on the host's loopback nor in its abstract sockets, with a channel or without."""
    name = f"golf-verifier-test-{os.getpid()}"
    channel = boxes.folder / "channel"
    channel.mkdir(mode=0o755)
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        abstract.bind(f"\0{name}")
        abstract.listen()
        source = """
            import socket, sys
            for family, address in ((socket.AF_INET, ("127.0.0.1", int(sys.argv[1]))),
                                    (socket.AF_UNIX, "\\0" + sys.argv[2])):
                try:
                    with socket.socket(family) as s:
                        s.connect(address)
                    print("reached")
                except OSError:
                    print("refused")
            """
        port = str(tcp.getsockname()[1])
        ends = [boxes.run(source, port, name, channel=way, output=None) for way in (None, channel)]
    assert [end.log.split() for end in ends] == [["refused", "refused"]] * 2


# ---------------------------------------------------------------- files

TRY_TO_WRITE = """
import sys
for path in sys.argv[1:]:
    try:
        with open(path, "w") as file:
            file.write("x")
        print(path, "written")
    except OSError:
        print(path, "refused")
"""


def test_only_output_and_private_folders_can_be_written(boxes: Boxes) -> None:
    """The root, the inputs and the kernel's own files are read-only."""
    closed = ["/x", "/usr/x", "/etc/x", "/in/x", "/in/given", "/var/x", "/dev/x", "/proc/x"]
    closed += ["/sys/x", "/run/x", "/root/x", "/proc/sys/kernel/core_pattern", "/etc/hosts"]
    opened = ["/out/x", "/tmp/x", "/cache/x"]
    (opened if boxes.sandbox.level >= Assurance.L1 else closed).append("/dev/shm/x")
    end = boxes.run(TRY_TO_WRITE, *closed, *opened)
    answers = [line.split()[-1] for line in end.log.splitlines()]
    assert answers == ["refused"] * len(closed) + ["written"] * len(opened), end.log
    assert [path.name for path in boxes.out.iterdir()] == ["x"]


def test_inputs_are_afterwards_what_they_were(boxes: Boxes) -> None:
    """Whatever a box tries on them: bytes, names, rights and times."""
    spec = boxes.spec("")
    folder = boxes.folder / "in"
    (folder / "inner").mkdir()
    (folder / "inner" / "deep").write_bytes(bytes(range(256)))
    (folder / "link").symlink_to("given")
    before = _looks(folder)
    end = boxes.run(
        """
        import mmap, os
        def attempt(action, *arguments):
            try:
                action(*arguments)
                print("did", getattr(action, "__name__", action), arguments)
            except (OSError, ValueError):
                pass
        def through_proc():
            with open("/in/given") as file:
                open(f"/proc/self/fd/{file.fileno()}", "r+").close()
        def mapped():
            with open("/in/given", "rb") as file:
                mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_WRITE)[0:1] = b"x"
        attempt(open, "/in/given", "r+")
        attempt(os.truncate, "/in/given", 0)
        attempt(os.chmod, "/in/given", 0o777)
        attempt(os.unlink, "/in/given")
        attempt(os.rename, "/in/given", "/in/other")
        attempt(os.link, "/in/given", "/out/given")
        attempt(os.utime, "/in/given", (0, 0))
        attempt(os.mkdir, "/in/new")
        attempt(os.rmdir, "/in/inner")
        attempt(os.symlink, "x", "/in/new")
        attempt(os.setxattr, "/in/given", "user.note", b"x")
        attempt(through_proc)
        attempt(mapped)
        """
    )
    assert spec.inputs[0].source == folder
    if boxes.sandbox.level >= Assurance.L1 or os.geteuid() == 0:
        assert (end.exit_code, end.log) == (0, "")
        assert _looks(folder) == before
    else:
        # The box's user owns them, and Landlock knows no right to change rights and times.
        assert any("rights and times" in wall for wall in boxes.sandbox.lacking())
        assert [look[0] for look in _looks(folder).values()] == [
            look[0] for look in before.values()
        ]


def _looks(folder: Path) -> dict[str, tuple[str, int, int, int]]:
    """Each entry's content digest, rights, modification time and number of names."""
    looks = {}
    for path in sorted((folder, *folder.rglob("*"))):
        found = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        digest = hashlib.sha256(content).hexdigest()
        looks[str(path)] = (digest, found.st_mode, found.st_mtime_ns, found.st_nlink)
    return looks


def test_private_folders_are_empty_at_first_and_gone_at_last(boxes: Boxes) -> None:
    """Nothing is handed from one box to the next by way of /tmp, /cache or /dev/shm."""
    source = """
        import os, sys
        for place in sys.argv[1:]:
            try:
                print(place, os.listdir(place))
                open(place + "/golf-verifier-note", "w").close()
            except OSError:
                print(place, "closed")
        """
    places = ["/tmp", "/cache", "/dev/shm"]
    ends = [boxes.beside(name).run(source, *places) for name in ("first", "second")]
    shown = ["[]", "[]", "[]" if boxes.sandbox.level >= Assurance.L1 else "closed"]
    assert [[line.split()[1] for line in end.log.splitlines()] for end in ends] == [shown] * 2
    for place in ("/tmp", "/cache", "/dev/shm"):
        assert not Path(place, "golf-verifier-note").exists()


def test_secrets_of_the_host_are_not_to_be_found(
    boxes: Boxes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Files, the parent's environment and memory lie outside."""
    secret = tmp_path_factory.mktemp("secret") / "held-out"
    secret.write_text("secret")
    secret.chmod(0o644)
    secret.parent.chmod(0o755)
    end = boxes.run(
        """
        import os, sys
        for path in sys.argv[1:]:
            try:
                print(path, os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(9))
            except OSError:
                pass
        """,
        str(secret),
        f"/proc/{os.getpid()}/environ",
        f"/proc/{os.getpid()}/mem",
        f"/proc/{os.getpid()}/root",
        f"/proc/{os.getpid()}/cwd",
        f"/proc/{os.getpid()}/fd/0",
        "/proc/kcore",
        "/dev/kmsg",
        "/dev/vda",
        "/home",
        "/var/run/docker.sock",
    )
    assert (end.exit_code, end.log) == (0, "")


def test_no_file_of_the_host_is_open_in_a_box(boxes: Boxes) -> None:
    """Input is empty, output is the log, nothing else was handed down."""
    end = boxes.run(
        """
        import os, sys
        print(sorted(map(int, os.listdir("/proc/self/fd")))[:-1], repr(sys.stdin.read()))
        """
    )
    assert end.log == "[0, 1, 2] ''\n"


# ---------------------------------------------------------------- rights


def test_a_box_has_no_rights(boxes: Boxes) -> None:
    """Not root, no capabilities, no new privileges, a filter: as the kernel says of itself."""
    end = boxes.run("print(open('/proc/self/status').read()); import os; print(os.getgroups())")
    fields = dict(line.split(":\t", 1) for line in end.log.splitlines() if ":\t" in line)
    assert "0" not in {*fields["Uid"].split(), *fields["Gid"].split(), *fields["Groups"].split()}
    # gVisor's kernel says neither this nor the ambient set.
    silent = boxes.sandbox.level is Assurance.L3
    assert fields.get("NoNewPrivs", "1" if silent else "") == "1"
    assert fields["Seccomp"] == "2"
    sets = ["CapInh", "CapPrm", "CapEff"]
    sets += [] if silent else ["CapAmb"]
    if os.geteuid() == 0 or boxes.sandbox.level >= Assurance.L1:
        sets.append("CapBnd")
    assert {fields[name] for name in sets} == {NO_CAPABILITIES}


def test_a_box_cannot_become_somebody_else(boxes: Boxes) -> None:
    """Neither root nor the owner of anything."""
    end = boxes.run(
        """
        import os
        for action, arguments in ((os.setuid, (0,)), (os.setgid, (0,)), (os.setgroups, ([0],)),
                                  (os.setresuid, (0, 0, 0)), (os.chroot, ("/tmp",)),
                                  (os.nice, (-5,)), (os.sethostname if hasattr(os, "sethostname")
                                                     else os.chroot, ("/tmp",))):
            try:
                action(*arguments)
                print("did", action.__name__)
            except OSError:
                pass
        """
    )
    # How nice a process is, gVisor's kernel notes and never heeds.
    noted = "did nice\n" if boxes.sandbox.level is Assurance.L3 else ""
    assert (end.exit_code, end.log) == (0, noted)


# ---------------------------------------------------------------- system calls

PROBE = """
import ctypes, errno, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def ask(name, number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(number, *(ctypes.c_long(value) for value in arguments))
    if result == 0 and name.startswith("clone"):
        os._exit(0)
    said = errno.errorcode.get(ctypes.get_errno(), "none") if result == -1 else f"= {result}"
    if said not in {"EPERM", "ENOSYS"}:
        print(name, said)
for name, number, arguments in json.loads(sys.argv[1]):
    ask(name, number, *arguments)
print("asked")
"""


def _numbers(table: str) -> dict[str, int]:
    here = "x86_64" if platform.machine() == "x86_64" else "aarch64"
    found = {name: getattr(numbers, here) for name, numbers in syscalls.parse(table).items()}
    return {name: number for name, number in found.items() if number is not None}


def test_every_call_that_is_kept_out_is_refused(boxes: Boxes) -> None:
    """Keyrings, queues, shared memory, page cache, tracing, io_uring, bpf: EPERM or ENOSYS."""
    refused = _numbers(syscalls.REFUSED)
    named = "add_key keyctl request_key bpf io_uring_setup io_uring_enter io_submit userfaultfd"
    named += " mincore cachestat process_vm_readv ptrace unshare setns mount shmget shmat semget"
    named += " msgget mq_open perf_event_open clone3 pidfd_getfd inotify_init1 move_pages kcmp"
    assert set(named.split()) <= set(refused)
    asked = [(name, number, [0] * 6) for name, number in refused.items()]
    # No kernel has it yet: what is not in the table is not answered either.
    asked.append(("made up", 1999, [0] * 6))
    end = boxes.run(PROBE, json.dumps(asked))
    assert (end.exit_code, end.log) == (0, "asked\n")


def test_a_box_makes_no_namespace(boxes: Boxes) -> None:
    """In a user namespace of its own a box would have every capability to try the kernel with."""
    clone = _numbers(syscalls.FILTERED)["clone"]
    flags = [1 << bit for bit in range(32) if syscalls.NEW_NAMESPACES & 1 << bit & ~0xFF]
    assert len(flags) == 7
    asked = [(f"clone {flag:#x}", clone, [flag | 17, 0, 0, 0, 0]) for flag in flags]
    end = boxes.run(PROBE, json.dumps(asked))
    assert (end.exit_code, end.log) == (0, "asked\n")


def test_the_page_cache_does_not_answer(boxes: Boxes) -> None:
    """RWF_NOWAIT would tell which pages another box has read; a plain read is answered."""
    end = boxes.run(
        """
        import errno, os
        place = os.open("/in/given", os.O_RDONLY)
        try:
            os.preadv(place, [bytearray(1)], 0, os.RWF_NOWAIT)
        except OSError as fault:
            print(errno.errorcode[fault.errno])
        print(os.preadv(place, [bytearray(1)], 0, 0))
        """
    )
    assert end.log.split() == ["EPERM", "1"]


def test_what_programs_need_is_answered(boxes: Boxes) -> None:
    """Threads, processes, pipes, shared memory, subprocesses and timers work in a box."""
    end = boxes.run(
        """
        import mmap, os, subprocess, sys, tempfile, threading, time
        thread = threading.Thread(target=lambda: print("thread"))
        thread.start()
        thread.join()
        shared = mmap.mmap(-1, 4096)
        pid = os.fork()
        if pid == 0:
            shared[0:5] = b"child"
            os._exit(0)
        os.waitpid(pid, 0)
        print(shared[0:5].decode())
        print(subprocess.run([sys.executable, "-I", "-S", "-c", "print('subprocess')"],
                             capture_output=True, text=True, check=True).stdout.strip())
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        print(os.path.exists(os.memfd_create("x") and "/proc/self/fd"), time.sleep(0.001))
        """
    )
    assert (end.exit_code, end.log.split()) == (
        0,
        ["thread", "child", "subprocess", "True", "None"],
    ), end.log
