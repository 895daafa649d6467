"""How is the table of `syscalls` said to each backend? As Docker's JSON or as a BPF program.

Both are generated, so neither can drift from the other. Must never add or drop a call.
"""

from __future__ import annotations

import errno
import itertools
import json
import platform
import struct
from collections.abc import Iterable, Mapping

from verifier.errors import MachineFault
from verifier.sandbox import syscalls
from verifier.sandbox.syscalls import Filter, Numbers

AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
DOCKER_ARCHITECTURES = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}

# Classic BPF as the kernel's linux/bpf_common.h and linux/seccomp.h define it.
LOAD_WORD, AND_CONSTANT, RETURN = 0x20, 0x54, 0x06
JUMP_EQUAL, JUMP_GREATER, JUMP_AT_LEAST = 0x15, 0x25, 0x35
ANSWER_ALLOW = 0x7FFF0000
ANSWER_ERRNO = 0x00050000
ANSWER_KILL = 0x80000000
NUMBER_OFFSET, ARCHITECTURE_OFFSET, ARGUMENTS_OFFSET = 0, 4, 16

NOT_THERE: Mapping[str, object] = {"action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS}
# seccomp(2): a call left to a tracer, where there is none, is answered with ENOSYS. For runtimes
# that know one error only; `ptrace` must be refused for it to hold.
TO_NO_TRACER: Mapping[str, object] = {"action": "SCMP_ACT_TRACE"}

Instruction = tuple[int, int, int, int]


def machine() -> str:
    """The architecture. Raises MachineFault for one the table does not cover."""
    name = platform.machine()
    if name not in AUDIT_ARCHITECTURES:
        raise MachineFault(f"no system call filter for a {name} machine")
    return name


def docker_profile(
    families: tuple[int, ...] = syscalls.LOOPBACK_FAMILIES,
    refusal: Mapping[str, object] = NOT_THERE,
) -> str:
    """The profile as the JSON a Docker engine takes in `security_opt`.

    `refusal`: the action that answers with ENOSYS.
    """
    rules: list[dict[str, object]] = [
        {"names": sorted(syscalls.parse(syscalls.ALLOWED)), "action": "SCMP_ACT_ALLOW"}
    ]
    for name, rule in syscalls.filters(families).items():
        rules.extend(_docker_rule(name, rule, value) for value in rule.values)
    # A program falls back (from clone3 to clone, which can be filtered) only on ENOSYS.
    refused = sorted(syscalls.parse(syscalls.REFUSED))
    rules.append({"names": refused, **refusal})
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": [DOCKER_ARCHITECTURES[machine()]],
        "syscalls": rules,
    }
    return json.dumps(profile, sort_keys=True)


def _docker_rule(name: str, rule: Filter, value: int) -> dict[str, object]:
    test = {
        "index": rule.argument,
        "value": rule.mask,
        "valueTwo": value,
        "op": "SCMP_CMP_MASKED_EQ",
    }
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": [test]}


def program(
    families: tuple[int, ...] = syscalls.LOOPBACK_FAMILIES, architecture: str | None = None
) -> bytes:
    """The filter as an array of `struct sock_filter`, for `bwrap --seccomp` and `seccomp(2)`."""
    name = architecture or machine()
    code: list[Instruction] = [
        (LOAD_WORD, 0, 0, ARCHITECTURE_OFFSET),
        (JUMP_EQUAL, 1, 0, AUDIT_ARCHITECTURES[name]),
        (RETURN, 0, 0, ANSWER_KILL),
        (LOAD_WORD, 0, 0, NUMBER_OFFSET),
    ]
    for first, last in _ranges(_numbers(syscalls.parse(syscalls.ALLOWED), name).values()):
        code += [
            (JUMP_AT_LEAST, 0, 2, first),
            (JUMP_GREATER, 1, 0, last),
            (RETURN, 0, 0, ANSWER_ALLOW),
        ]
    rules = syscalls.filters(families)
    for call, number in _numbers(syscalls.parse(syscalls.FILTERED), name).items():
        code += _filtered(number, rules[call])
    code.append((RETURN, 0, 0, ANSWER_ERRNO | errno.ENOSYS))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _filtered(number: int, rule: Filter) -> list[Instruction]:
    """Allow `number` for the listed argument values, else refuse with EPERM."""
    tests: list[Instruction] = []
    for value in rule.values:
        tests += [(JUMP_EQUAL, 0, 1, value), (RETURN, 0, 0, ANSWER_ALLOW)]
    body: list[Instruction] = [
        (LOAD_WORD, 0, 0, ARGUMENTS_OFFSET + 8 * rule.argument),
        (AND_CONSTANT, 0, 0, rule.mask),
        *tests,
        (RETURN, 0, 0, ANSWER_ERRNO | errno.EPERM),
    ]
    return [(JUMP_EQUAL, 0, len(body), number), *body]


def _numbers(calls: dict[str, Numbers], architecture: str) -> dict[str, int]:
    found = {
        name: numbers.x86_64 if architecture == "x86_64" else numbers.aarch64
        for name, numbers in calls.items()
    }
    return {name: number for name, number in found.items() if number is not None}


def _ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Runs of consecutive numbers: (first, last), ascending."""
    ordered = enumerate(sorted(set(numbers)))
    runs = (
        [number for _, number in group]
        for _, group in itertools.groupby(ordered, lambda pair: pair[1] - pair[0])
    )
    return [(run[0], run[-1]) for run in runs]
