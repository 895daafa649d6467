"""The system call filter, for both architectures: the program as the kernel would run it."""

from __future__ import annotations

import errno
import json
import platform
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox.bpf import Call, answer, reachable
from verifier.errors import MachineFault
from verifier.sandbox import seccomp, syscalls
from verifier.sandbox.syscalls import Numbers

ALLOW, KILL = seccomp.ANSWER_ALLOW, seccomp.ANSWER_KILL
NONE_SUCH = seccomp.ANSWER_ERRNO | errno.ENOSYS
NOT_SO = seccomp.ANSWER_ERRNO | errno.EPERM
ARCHITECTURES = ("x86_64", "aarch64")
PROGRAMS = {name: seccomp.program(architecture=name) for name in ARCHITECTURES}
ALLOWED, FILTERED, REFUSED = (
    syscalls.parse(table) for table in (syscalls.ALLOWED, syscalls.FILTERED, syscalls.REFUSED)
)


def ask(architecture: str, number: int | None, *arguments: int) -> int:
    """What the program of an architecture answers there."""
    assert number is not None
    here = seccomp.AUDIT_ARCHITECTURES[architecture]
    return answer(PROGRAMS[architecture], Call(number, here, arguments))


def number(calls: dict[str, Numbers], name: str, architecture: str) -> int | None:
    """A call's number, None where the architecture has none."""
    return calls[name].x86_64 if architecture == "x86_64" else calls[name].aarch64


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_call_is_answered_as_the_table_says(architecture: str) -> None:
    """ALLOWED is answered whatever its arguments, REFUSED does not exist."""
    for calls, wanted in ((ALLOWED, ALLOW), (REFUSED, NONE_SUCH)):
        for name in calls:
            there = number(calls, name, architecture)
            if there is not None:
                said = {ask(architecture, there, *[value] * 6) for value in (0, 1, 2**64 - 1)}
                assert said == {wanted}, name


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_numbers_that_are_in_no_table_are_not_answered(architecture: str) -> None:
    """A call that is not yet invented is refused too, as are x86's second set of numbers."""
    known = {number(calls, name, architecture) for calls in (ALLOWED, FILTERED) for name in calls}
    unknown = [value for value in range(1200) if value not in known]
    unknown += [-1, 2**31 - 1, *(value | 0x40000000 for value in known if value is not None)]
    assert {ask(architecture, value) for value in unknown} == {NONE_SUCH}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_calls_of_another_architecture_kill(architecture: str) -> None:
    """Numbers mean other calls there: 32-bit calls on a 64-bit kernel, for one."""
    others = {0x40000003, 0x40000028, 0, 0xFFFFFFFF, *seccomp.AUDIT_ARCHITECTURES.values()}
    for other in others - {seccomp.AUDIT_ARCHITECTURES[architecture]}:
        assert answer(PROGRAMS[architecture], Call(0, other)) == KILL


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(
    ("call", "arguments", "allowed"),
    [
        ("clone", (17,), True),
        ("clone", (0x3D0F00,), True),
        *(("clone", (1 << bit | 17,), False) for bit in (17, 25, 26, 27, 28, 29, 30)),
        ("clone", (0x80,), False),
        ("personality", (0,), True),
        ("personality", (0xFFFFFFFF,), True),
        ("personality", (0x0040000,), False),
        ("preadv2", (3, 0, 1, 0, 0, 0), True),
        ("preadv2", (3, 0, 1, 0, 0, 0x8), False),
        ("preadv2", (3, 0, 1, 0, 0, 0x9), False),
        ("preadv2", (3, 0, 1, 0, 0, 0x10), True),
        *(
            ("fcntl", (3, command), True)
            for command in (0, 1, 2, 3, 4, 5, 6, 7, 0x406, 0x407, 0x409)
        ),
        *(("fcntl", (3, command), False) for command in (0x400, 0x401, 0x402, 0x405, 99)),
        *(("socket", (16, 3, protocol), False) for protocol in (4, 9, 12, 15, 16, 2**32 - 1)),
        *(("socket", (family, 1, 6), True) for family in (1, 2, 10)),
        *(("socket", (family, 1, 0), True) for family in (1, 2, 10, 16)),
        *(("socket", (family, 1, 0), False) for family in (0, 15, 17, 38, 40, 44, 2**32 - 1)),
        ("socketpair", (1, 1, 0), True),
        ("socketpair", (2, 1, 0), False),
    ],
)
def test_filtered_calls_are_answered_by_their_arguments(
    architecture: str, call: str, arguments: tuple[int, ...], allowed: bool
) -> None:
    """What is let through is listed; all else is refused with EPERM."""
    said = ask(architecture, number(FILTERED, call, architecture), *arguments)
    assert said == (ALLOW if allowed else NOT_SO)


@settings(deadline=None)
@given(st.integers(0, 2**64 - 1), st.sampled_from(ARCHITECTURES))
def test_no_argument_makes_a_namespace(flags: int, architecture: str) -> None:
    """Whatever the high bits say: the kernel looks at the low ones, and so does the filter."""
    said = ask(architecture, number(FILTERED, "clone", architecture), flags)
    assert (said == ALLOW) == (flags & syscalls.NEW_NAMESPACES == 0)


@settings(deadline=None)
@given(st.integers(-(2**31), 2**31 - 1), st.sampled_from(ARCHITECTURES))
def test_only_listed_numbers_are_ever_allowed(value: int, architecture: str) -> None:
    """Neither a range that is too long nor one number of the other architecture."""
    known = {number(ALLOWED, name, architecture) for name in ALLOWED}
    if ask(architecture, value) == ALLOW and value not in known:
        assert value in {number(FILTERED, name, architecture) for name in FILTERED}


@pytest.mark.parametrize("families", [(), syscalls.ONLY_LOCAL_FAMILIES])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_box_without_a_network_opens_only_the_families_it_is_given(
    architecture: str, families: tuple[int, ...]
) -> None:
    """Where no loopback is a box's own there is no internet socket at all."""
    program = seccomp.program(families, architecture)
    here = seccomp.AUDIT_ARCHITECTURES[architecture]
    there = number(FILTERED, "socket", architecture)
    assert there is not None
    for family in range(64):
        said = answer(program, Call(there, here, (family, 1, 0)))
        assert said == (ALLOW if family in families else NOT_SO)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_kernel_can_load_the_program(architecture: str) -> None:
    """Jumps stay within it, it ends in an answer, and it is not too long."""
    program = PROGRAMS[architecture]
    assert reachable(program)
    assert len(program) // 8 < 1000


# ---------------------------------------------------------------- the tables


def test_no_call_is_in_two_tables() -> None:
    """What a reader sees refused must not be allowed further up, by name or by number."""
    tables = (ALLOWED, FILTERED, REFUSED)
    names = [name for table in tables for name in table]
    assert len(names) == len(set(names))
    for architecture in ARCHITECTURES:
        numbers = [number(table, name, architecture) for table in tables for name in table]
        present = [value for value in numbers if value is not None]
        assert len(present) == len(set(present)), architecture


def test_every_filtered_call_has_its_filter_and_the_other_way_round() -> None:
    """A filter without its call would never be asked."""
    assert set(syscalls.filters(())) == set(FILTERED)


KEPT_OUT = """
add_key keyctl request_key bpf io_uring_setup io_uring_enter io_uring_register userfaultfd mincore
cachestat process_vm_readv process_vm_writev ptrace unshare setns shmget shmat semget msgget mq_open
io_submit inotify_init1 clone3 mount perf_event_open open_by_handle_at
"""


def test_what_could_join_two_boxes_is_kept_out_on_purpose() -> None:
    """Each is in the table of the refused, not only forgotten."""
    assert set(KEPT_OUT.split()) <= set(REFUSED)


# ---------------------------------------------------------------- Docker's way to say it


def docker_rules() -> list[dict[str, Any]]:
    """The rules of the profile."""
    rules: list[dict[str, Any]] = json.loads(seccomp.docker_profile())["syscalls"]
    return rules


def profile_answer(profile: dict[str, Any], name: str, *arguments: int) -> str:
    """What the engine's profile says of a call: the first rule that fits, else the default."""
    for rule in profile["syscalls"]:
        tests = rule.get("args", [])
        if name in rule["names"] and all(
            test["op"] == "SCMP_CMP_MASKED_EQ"
            and arguments[test["index"]] & test["value"] == test["valueTwo"]
            for test in tests
        ):
            return str(rule["action"])
    return str(profile["defaultAction"])


def test_the_engine_is_told_the_same_as_the_kernel() -> None:
    """One table, two ways to say it: every call and some arguments of every filtered one."""
    here = platform.machine()
    if here not in ARCHITECTURES:
        pytest.skip(f"no table for a {here} machine")
    profile = json.loads(seccomp.docker_profile())
    samples = [0, 1, 2, 8, 9, 10, 16, 17, 38, 40, 0x10000011, 0x7E020000, 0x80, 2**32 - 1]
    for calls in (ALLOWED, FILTERED, REFUSED):
        for name in calls:
            there = number(calls, name, here)
            if there is None:
                continue
            for value in samples:
                arguments = [value] * 6
                allowed = ask(here, there, *arguments) == ALLOW
                told = profile_answer(profile, name, *arguments) == "SCMP_ACT_ALLOW"
                assert told == allowed, (name, value)


def test_the_engine_refuses_what_it_was_not_told() -> None:
    """The profile's default is an error; clone3 is said not to exist, so that clone is tried."""
    profile = json.loads(seccomp.docker_profile())
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert len(profile["architectures"]) == 1
    (refused,) = [rule for rule in docker_rules() if "clone3" in rule["names"]]
    assert (refused["action"], refused["errnoRet"]) == ("SCMP_ACT_ERRNO", errno.ENOSYS)
    assert set(refused["names"]) == set(REFUSED)


def test_another_machine_has_no_filter_and_so_no_box(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wall that cannot be put up is a fault of the machine, not a weaker wall."""
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    for make in (seccomp.program, seccomp.docker_profile):
        with pytest.raises(MachineFault, match="riscv64"):
            make()
