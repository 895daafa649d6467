"""What a box tries at its walls is seen, changes nothing, and is no way to its keeper.

Docker 20.10 hands a container's calls to nobody, so this is what the backends under a keeper do.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.bpf import Call, answer, reachable
from tests.sandbox.conftest import Boxes, boxes_in
from verifier.records import EndedBy, Root
from verifier.sandbox import BACKENDS, attempts, kernel, recorder, seccomp, syscalls
from verifier.sandbox.attempts import Recording
from verifier.sandbox.counts import own_seconds

ARCHITECTURES = ("x86_64", "aarch64")
OWN = ("/usr", "/in", "/proc")
RECORDINGS = {
    "namespaces": attempts.of_namespaces(),
    "process": attempts.of_process((), OWN),
    "process with a channel": attempts.of_process(syscalls.ONLY_LOCAL_FAMILIES, OWN),
}
ASK = """
import ctypes, errno, os, signal, socket, struct, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def ask(number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(number, *(ctypes.c_long(value) for value in arguments))
    return result if result >= 0 else -ctypes.get_errno()
def address(*ip):
    packed = struct.pack("=H", 2) + struct.pack("!H4B", 53, *ip) + bytes(8)
    return ctypes.create_string_buffer(packed, 16)
def number(name, numbers={}):
    if not numbers:
        numbers.update(part.split("=") for part in NUMBERS.split())
    return int(numbers[name])
"""


def _numbers() -> str:
    here = seccomp.machine()
    tables = (syscalls.ALLOWED, syscalls.FILTERED, syscalls.REFUSED)
    calls = {name: n for t in tables for name, n in syscalls.parse(t).items()}
    return " ".join(f"{name}={n}" for name, n in seccomp.numbers_of(calls, here).items())


PRELUDE = ASK.replace("NUMBERS", repr(_numbers()))


@pytest.fixture(params=["bubblewrap", "plain"])
def boxes(
    request: pytest.FixtureRequest, tmp_path: Path, pinned_root: Root, host_root: Root
) -> Boxes:
    """Boxes in each backend that has a keeper."""
    if not attempts.possible():
        pytest.skip("this kernel hands no system call over: not run")
    root = host_root if request.param == "plain" else pinned_root
    return boxes_in(request.param, tmp_path, root)


@pytest.fixture
def wrapped(tmp_path: Path, pinned_root: Root) -> Boxes:
    """Boxes with a loopback of their own."""
    if not attempts.possible():
        pytest.skip("this kernel hands no system call over: not run")
    return boxes_in("bubblewrap", tmp_path, pinned_root)


def _tried(source: str) -> str:
    return f"{PRELUDE}\n{textwrap.dedent(source)}"


# ---------------------------------------------------------------- what is seen


def test_a_way_to_the_network_is_seen_with_its_address(wrapped: Boxes) -> None:
    """By every call that takes one, over both protocols; its own loopback is nobody's business."""
    end = wrapped.run(
        """
        import socket
        for family, host in ((socket.AF_INET, "1.1.1.1"), (socket.AF_INET6, "2606:4700::1111"),
                             (socket.AF_INET6, "::ffff:1.1.1.1"), (socket.AF_INET, "127.0.0.1"),
                             (socket.AF_INET6, "::1"), (socket.AF_INET6, "::ffff:127.0.0.1")):
            with socket.socket(family, socket.SOCK_DGRAM) as s:
                for way in (lambda: s.sendto(b"x", (host, 53)), lambda: s.connect((host, 53)),
                            lambda: s.sendmsg([b"x"], [], 0, (host, 53))):
                    try:
                        way()
                    except OSError:
                        pass
        """
    )
    ways = ("sendto", "connect", "sendmsg")
    hosts = ("1.1.1.1", "[2606:4700::1111]", "[::ffff:1.1.1.1]")
    assert end.attempts == tuple(f"{way} {host}:53" for host in hosts for way in ways)
    assert end.exit_code == 0, end.log


def test_of_many_messages_in_one_call_each_address_is_seen(wrapped: Boxes) -> None:
    """The second is no hiding place behind the first."""
    end = wrapped.run(
        _tried(
            """
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            places = [address(127, 0, 0, 1), address(1, 1, 1, 1)]
            text = ctypes.create_string_buffer(b"x")
            vector = ctypes.create_string_buffer(struct.pack("=QQ", ctypes.addressof(text), 1))
            head = b"".join(struct.pack("=QIIQQQQIIII", ctypes.addressof(place), 16, 0,
                            ctypes.addressof(vector), 1, 0, 0, 0, 0, 0, 0) for place in places)
            heads = ctypes.create_string_buffer(head)
            ask(number("sendmmsg"), s.fileno(), ctypes.addressof(heads), 2, 0)
            """
        )
    )
    assert end.attempts == ("sendmmsg 1.1.1.1:53",), end.log


def test_a_refused_call_is_seen_and_refused_as_ever(boxes: Boxes) -> None:
    """A recorder that looks on does not change what the command gets to hear."""
    end = boxes.run(
        _tried(
            """
            for name in ("ptrace", "bpf", "keyctl", "io_uring_setup", "shmget", "mincore"):
                print(name, ask(number(name)))
            print("preadv2", ask(number("preadv2"), 0, 0, 0, 0, 0, 8))
            print("personality", ask(number("personality"), 0x40000))
            for family in (socket.AF_VSOCK, 38, 41):
                print("socket", ask(number("socket"), family, 1, 0))
            """
        )
    )
    said = dict(line.rsplit(" ", 1) for line in end.log.splitlines())
    names = ("ptrace", "bpf", "keyctl", "io_uring_setup", "shmget", "mincore")
    assert {said[name] for name in names} == {str(-errno.ENOSYS)}
    assert {said[name] for name in said.keys() - {*names}} == {str(-errno.EPERM)}
    filtered = ("preadv2 0x8", "personality 0x40000")
    sockets = ("socket AF_VSOCK", "socket AF_ALG", "socket of family 41")
    assert end.attempts == (*names, *filtered, *sockets)


def test_files_of_the_host_are_seen_where_the_box_has_no_root_of_its_own(
    tmp_path: Path, host_root: Root
) -> None:
    """By whatever name; what the box may open, and what every program looks for, are not."""
    if not attempts.possible():
        pytest.skip("this kernel hands no system call over: not run")
    bare = boxes_in("plain", tmp_path, host_root)
    end = bare.run(
        """
        import os, sys
        hidden = os.open("/usr", os.O_RDONLY)
        for path in ("/etc/shadow", "/../etc//shadow", "/in/../etc/shadow", "/etc/passwd",
                     "/in/given", "given", "/tmp/own", "/root/\\x1b[31m\\xe9", "/dev/null"):
            try:
                open(path, "w" if path == "/tmp/own" else "r").close()
            except OSError:
                pass
        try:
            os.open("../etc/gshadow", os.O_RDONLY, dir_fd=hidden)
        except OSError:
            pass
        """
    )
    first, *others = end.attempts
    assert first == "open /etc/shadow (2 times)"
    inside = bare.folder / "etc" / "shadow"
    escaped = "open /root/\\x1b[31m\\xc3\\xa9"
    assert others == [f"open {inside}", escaped, "open /etc/gshadow"], end.log
    assert all(what.isascii() and what.isprintable() for what in end.attempts)


def test_an_honest_program_attempts_nothing(boxes: Boxes) -> None:
    """Threads, children, pipes, files, names, times and a server on its own loopback."""
    end = boxes.run(
        """
        import os, select, socket, subprocess, sys, tempfile, threading, time
        thread = threading.Thread(target=lambda: time.sleep(0.01))
        thread.start(); thread.join()
        subprocess.run([sys.executable, "-I", "-S", "-c", "print(1)"], check=True)
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        one, other = socket.socketpair()
        one.sendmsg([b"x"]); other.recv(1)
        os.listdir("/in"), os.cpu_count(), os.getloadavg()
        try:
            with socket.create_server(("127.0.0.1", 0)) as server:
                socket.create_connection(("localhost", server.getsockname()[1]), 2).close()
        except OSError:
            pass
        """
    )
    found = [what for what in end.attempts if not what.startswith("socket AF_INET")]
    assert (end.exit_code, found) == (0, []), end.log
    if boxes.sandbox.name == "bubblewrap":
        assert end.attempts == ()


def test_both_filters_are_read_back(boxes: Boxes) -> None:
    """The recorder's alone must not pass for the wall."""
    with boxes.running("import time; time.sleep(100)") as box:
        walls = box.facts.walls
    assert walls["system call filters"] == attempts.two_filters()["system call filters"]


def test_a_kernel_that_hands_nothing_over_has_the_same_walls(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorder is a witness and no wall."""
    monkeypatch.setattr(attempts, "possible", lambda: False)
    blind = Boxes(BACKENDS[boxes.sandbox.name](), boxes.root, boxes.folder)
    end = blind.run(_tried('print(ask(number("ptrace")), ask(number("socket"), 40, 1, 0))'))
    assert end.log.split() == [str(-errno.ENOSYS), str(-errno.EPERM)]
    assert end.attempts == ()


# ---------------------------------------------------------------- who would not be seen


def test_a_flood_ends_in_a_bounded_record(boxes: Boxes) -> None:
    """What is counted is counted once; what is one too many is a number."""
    end = boxes.run(
        _tried(
            """
            for value in range(20000):
                ask(number("personality"), 0x10000 + value % 200)
            ask(number("ptrace"))
            """
        )
    )
    assert end.exit_code == 0
    shown = recorder.DISTINCT_OF_A_CALL
    assert len(end.attempts) == shown + 2
    assert end.attempts[0] == "personality 0x10000 (100 times)"
    assert end.attempts[-2] == "ptrace", "many attempts of one kind hide none of another"
    assert end.attempts[-1] == f"others ({20000 - shown * 100} times)"


def test_a_hundred_thousand_ways_out_end_in_one_line(wrapped: Boxes) -> None:
    """The box pays for them with its own time, and ends as it would."""
    end = wrapped.run(
        _tried(
            """
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            name = address(1, 1, 1, 1)
            for _ in range(100_000):
                libc.connect(s.fileno(), name, 16)
            """
        ),
        limits={"wall_seconds": 60.0},
    )
    assert (end.ended_by, end.exit_code) == (EndedBy.ITSELF, 0)
    assert end.attempts == ("connect 1.1.1.1:53 (100000 times)",)


def test_what_a_flood_costs_its_keeper_is_the_box_s_own_doing(boxes: Boxes) -> None:
    """Attack: make the keeper work beside the box, so that others seem to hold the box back."""
    flood = _tried('while True: ask(number("bpf"), 0, 0, 0)')
    with boxes.running(flood, limits={"wall_seconds": 60.0}) as box:
        run = box._started.run  # type: ignore[attr-defined]
        if run._group is None:
            pytest.skip("no control group to compare with: not run")
        deadline = time.monotonic() + 30
        while own_seconds(run._keeper.pid) < 0.4:
            assert time.monotonic() < deadline, "the keeper was never asked"
            time.sleep(0.05)
        counted = box.counts().cpu_seconds
        assert counted is not None
        # The group alone, read later, has less.
        assert counted > run.usage().cpu_seconds + 0.1


def test_a_box_in_a_flood_is_killed_at_its_limit(boxes: Boxes) -> None:
    """Recording does not keep the keeper from its watch."""
    began = time.monotonic()
    end = boxes.run(
        _tried(
            """
            def flood():
                while True:
                    ask(number("ptrace"))
            for _ in range(8):
                threading.Thread(target=flood).start()
            """
        ),
        limits={"wall_seconds": 1.0},
    )
    assert end.ended_by is EndedBy.WALL_CLOCK
    assert time.monotonic() - began < 20
    assert [what.split()[0] for what in end.attempts] == ["ptrace"]


def test_who_dies_while_the_recorder_looks_leaves_it_in_order(boxes: Boxes) -> None:
    """Children killed, threads ended with their process, and signals in the midst of a call."""
    end = boxes.run(
        _tried(
            """
            signal.signal(signal.SIGALRM, lambda *_: None)
            for _ in range(40):
                child = os.fork()
                if child == 0:
                    def flood():
                        while True:
                            ask(number("bpf"))
                    for _ in range(4):
                        threading.Thread(target=flood, daemon=True).start()
                    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
                    time.sleep(0.005)
                    os._exit(0)
                time.sleep(0.004)
                os.kill(child, 9)
                os.waitpid(child, 0)
            print(ask(number("keyctl")))
            """
        ),
        limits={"threads": 8},
    )
    assert end.log.split() == [str(-errno.ENOSYS)]
    assert [what.split()[0] for what in end.attempts] == ["bpf", "keyctl"]


def test_a_box_cannot_put_a_recorder_of_its_own_before_ours(boxes: Boxes) -> None:
    """A second listener is refused; a filter without one only takes from the box itself."""
    end = boxes.run(
        _tried(
            """
            def filtered(flags, action, call):
                code = struct.pack("=HBBIHBBIHBBIHBBI", 0x20, 0, 0, 0, 0x15, 0, 1, call,
                                   6, 0, 0, action, 6, 0, 0, 0x7FFF0000)
                program = ctypes.create_string_buffer(code, len(code))
                head = ctypes.create_string_buffer(struct.pack("@HP", 4, ctypes.addressof(program)))
                return ask(number("seccomp"), 1, flags, ctypes.addressof(head))
            print(filtered(8, 0x7FC00000, number("ptrace")))
            print(filtered(0, 0x7FFF0000, number("ptrace")), ask(number("ptrace")))
            print(filtered(1, 0x7FC00000, number("bpf")), ask(number("bpf")))
            """
        )
    )
    listener, *others = end.log.split()
    assert listener == str(-errno.EBUSY)
    assert others == ["0", str(-errno.ENOSYS)] * 2
    assert end.attempts[0] == "ptrace"


def test_a_box_that_closes_all_it_has_is_seen_on(boxes: Boxes) -> None:
    """Nothing of the recorder is among its descriptors, memory that it hides is not needed."""
    end = boxes.run(
        _tried(
            """
            libc.prctl(4, 0, 0, 0, 0)
            os.closerange(0, 4096)
            os.setsid() if os.getsid(0) != os.getpid() else None
            ask(number("ptrace"))
            if os.fork() == 0:
                os.setpgid(0, 0)
                ask(number("bpf"))
                os._exit(0)
            os.wait()
            os._exit(7)
            """
        )
    )
    assert (end.exit_code, end.attempts) == (7, ("ptrace", "bpf"))


def test_a_process_that_hides_its_memory_is_seen_to(tmp_path: Path, host_root: Root) -> None:
    """Root reads it all the same; where another keeper cannot, that alone is told."""
    if not attempts.possible():
        pytest.skip("this kernel hands no system call over: not run")
    bare = boxes_in("plain", tmp_path, host_root)
    end = bare.run(
        _tried(
            """
            libc.prctl(4, 0, 0, 0, 0)
            for path in ("/etc/shadow", "/in/given"):
                try:
                    open(path).close()
                except OSError:
                    pass
            """
        )
    )
    hidden = (f"open {recorder.NO_NAME} (2 times)",)
    assert end.attempts == (("open /etc/shadow",) if os.geteuid() == 0 else hidden), end.log


def test_an_address_that_is_none_is_seen_as_none(wrapped: Boxes) -> None:
    """Pointers to nowhere, to the end of a page, to the kernel, and lengths that lie."""
    end = wrapped.run(
        _tried(
            """
            import mmap
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            page = mmap.mmap(-1, 8192)
            start = ctypes.addressof(ctypes.c_char.from_buffer(page))
            page[4088:4096] = struct.pack("=H", 2) + b"\\0\\x35\\1\\1\\1\\1"
            libc.munmap(ctypes.c_void_p(start + 4096), 4096)
            for place in (1, 2**62, 2**63 - 1, -1, -4096, start + 8192 * 1024 * 1024):
                for length in (0, 16, 2**31 - 1, -1):
                    ask(number("connect"), s.fileno(), place, length)
                    ask(number("sendto"), s.fileno(), 0, 0, 0, place, length)
                    ask(number("sendmsg"), s.fileno(), place, 0)
                    ask(number("sendmmsg"), s.fileno(), place, 2**31 - 1, 0)
            ask(number("connect"), s.fileno(), start + 4088, 8)
            ask(number("connect"), s.fileno(), start + 4095, 8)
            ask(number("connect"), s.fileno(), start, 16)
            print("done")
            os._exit(0)
            """
        )
    )
    assert end.log.split() == ["done"] or end.exit_code == 0, end.log
    assert "connect 1.1.1.1:53" in end.attempts
    assert {what.split(" (")[0] for what in end.attempts} == {
        "connect 1.1.1.1:53",
        f"connect to {recorder.NO_ADDRESS}",
        f"sendto to {recorder.NO_ADDRESS}",
    }


def test_a_race_for_the_address_gets_nothing_through(wrapped: Boxes) -> None:
    """Another thread changes it under the recorder's eyes: the wall asks for no address."""
    end = wrapped.run(
        _tried(
            """
            name = address(1, 1, 1, 1)
            going = True
            def change():
                while going:
                    name[4], name[4] = 127, 1
            thread = threading.Thread(target=change)
            thread.start()
            outside = 0
            for _ in range(3000):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                    if libc.connect(s.fileno(), name, 16) == 0:
                        outside += s.getpeername()[0] != "127.1.1.1"
            going = False
            thread.join()
            print(outside)
            """
        )
    )
    assert end.log.split() == ["0"]
    assert all(what.startswith("connect 1.1.1.1:53") for what in end.attempts)


# ---------------------------------------------------------------- the filters, on paper


def _arguments() -> Iterator[tuple[int, ...]]:
    for value in (0, 1, 2, 8, 10, 16, 17, 40, 0x10000011, 0x40000, 2**32 - 1, 2**32, 2**64 - 1):
        yield (value,) * 6


@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_nothing_is_let_go_that_the_filter_alone_refuses(name: str, architecture: str) -> None:
    """For every call and many arguments: both filters together against the one without."""
    recording = RECORDINGS[name]
    alone = seccomp.program(recording.families, architecture)
    wall = seccomp.program(recording.families, architecture, recording.seen)
    program = recording.program(architecture)
    here = seccomp.AUDIT_ARCHITECTURES[architecture]
    allowed = seccomp.numbers_of(syscalls.parse(syscalls.ALLOWED), architecture)
    let_go = {number for call, number in allowed.items() if call in recording.let_go}
    assert len(let_go) >= 2
    noticed = set()
    for number in (*range(600), *range(0x40000000, 0x40000600, 7), -1, 2**31 - 1):
        for arguments in _arguments():
            call = Call(number, here, arguments)
            before, behind, above = (answer(code, call) for code in (alone, wall, program))
            strictest = min(behind, above)
            if before == seccomp.ANSWER_ALLOW:
                assert behind == seccomp.ANSWER_ALLOW
                assert above == seccomp.ANSWER_ALLOW or number in let_go
            else:
                assert strictest != seccomp.ANSWER_ALLOW
                # Nor if nobody looked: untraced, it is ENOSYS.
                assert behind in {before, seccomp.ANSWER_UNTRACED}
                assert number not in let_go
                # Where the recorder does not look, the wall's own answer is the one of old.
                assert above == seccomp.ANSWER_NOTIFY or behind == before
            if above == seccomp.ANSWER_NOTIFY:
                noticed.add(number)
                # It has its say: the wall's answer is not the stricter one.
                assert strictest == seccomp.ANSWER_NOTIFY
    assert let_go <= noticed
    assert reachable(program) and len(program) // 8 < 1000


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_keeper_refuses_whatever_is_not_to_be_let_go(name: str) -> None:
    """Its table says 0 only of calls that the filter without a recorder answers, whatever asked."""
    recording = RECORDINGS[name]
    alone = seccomp.program(recording.families)
    here = seccomp.AUDIT_ARCHITECTURES[seccomp.machine()]
    calls = recording.plan()["calls"]
    for number, call in calls.items():
        for arguments in _arguments():
            said = answer(alone, Call(number, here, arguments))
            if call["errno"] == 0:
                assert said == seccomp.ANSWER_ALLOW
            else:
                assert said in {seccomp.ANSWER_ALLOW, seccomp.ANSWER_ERRNO | call["errno"]}


ORPHAN = """
import base64, ctypes, json, os, sys
sys.path.append(sys.argv[1])
import kernel
filters, calls = [base64.b64decode(text) for text in sys.argv[2:4]], json.loads(sys.argv[4])
listener = kernel.listen(filters[0])
kernel.filter_calls(filters[1])
os.close(listener)
for number in calls:
    ctypes.set_errno(0)
    print(kernel.libc.syscall(number, 0x10000028, 0x400, 0, 0, 1, 8), ctypes.get_errno())
"""


@pytest.mark.parametrize("name", RECORDINGS)
def test_where_the_recorder_is_gone_the_kernel_refuses(name: str) -> None:
    """Its death is no hole: what it would have let go is refused, too."""
    if not attempts.possible():
        pytest.skip("this kernel hands no system call over: not run")
    recording = RECORDINGS[name]
    # Opening is left out: the interpreter itself must get to its end.
    table = recording.plan()["calls"].items()
    calls = [n for n, call in table if call["name"] not in attempts.TO_FILES | {"socketpair"}]
    assert len(calls) > 50
    filters = [base64.b64encode(f).decode() for f in (recording.program(), recording.wall())]
    place = str(Path(kernel.__file__).parent)
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ORPHAN, place, *filters, json.dumps(calls)],
        capture_output=True,
        text=True,
        check=False,
    )
    said = {tuple(line.split()) for line in ran.stdout.splitlines()}
    refused = {("-1", str(errno.ENOSYS)), ("-1", str(errno.EPERM))}
    assert ran.returncode == 0 and said <= refused, (ran.stderr, said)
    assert ("-1", str(errno.ENOSYS)) in said


def test_a_box_of_namespaces_can_be_made_under_the_filter() -> None:
    """What bwrap needs is refused unseen in the box, and never held up before."""
    assert not syscalls.BOX_MAKING & attempts.of_namespaces().seen
    assert syscalls.BOX_MAKING & attempts.of_process((), ()).seen
    known = {*syscalls.parse(syscalls.REFUSED), *syscalls.parse(syscalls.FILTERED)}
    assert known >= syscalls.BOX_MAKING | syscalls.TRIED_FIRST


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_sending_without_an_address_costs_nothing(architecture: str) -> None:
    """`send` is `sendto` with none: the wire to a scorer must not pass through the keeper."""
    program = Recording(frozenset(), attempts.TO_THE_NETWORK, ()).program(architecture)
    here = seccomp.AUDIT_ARCHITECTURES[architecture]
    number = seccomp.numbers_of(syscalls.parse(syscalls.ALLOWED), architecture)["sendto"]
    for place in (0, 1, 2**32, 2**32 + 1, 2**64 - 1):
        said = answer(program, Call(number, here, (3, 4, 5, 0, place, 0)))
        assert (said == seccomp.ANSWER_ALLOW) == (place == 0)


def test_what_a_box_wrote_is_printed_safely_and_short() -> None:
    """Names reach reports and terminals."""
    shown = recorder.printable(b"/\x1b[31m\xff\n" + "é".encode() * 5000)
    assert shown.isascii() and shown.isprintable()
    assert len(shown) < 500
    assert recorder.printable(b"/plain/path") == "/plain/path"


def test_the_keeper_alone_can_ask_what_was_tried(boxes: Boxes) -> None:
    """A box that prints a keeper's words has printed text."""
    end = boxes.run("""print('{"attempts": ["forged"], "exit": 0}')""")
    assert end.attempts == () and "forged" in end.log
