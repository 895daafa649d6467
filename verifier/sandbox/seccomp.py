"""How is the table of `syscalls` said to each backend? As Docker's JSON or as a BPF program.

Both are generated, so neither can drift from the other. Must never add or drop a call.
"""

from __future__ import annotations

import errno
import itertools
import json
import platform
import struct
from collections.abc import Collection, Iterable, Mapping

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
ANSWER_NOTIFY = 0x7FC00000
# ENOSYS, unless a tracer lets the call go; what a filter above has to say of it comes first.
ANSWER_UNTRACED = 0x7FF00000
ANSWER_KILL = 0x80000000
WHOLE = 0xFFFFFFFF
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
    tests = [_docker_test(rule.argument, rule.mask, value)]
    if value in rule.also:
        argument, only = rule.also[value]
        tests.append(_docker_test(argument, WHOLE, only))
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": tests}


def _docker_test(argument: int, mask: int, value: int) -> dict[str, object]:
    return {"index": argument, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}


def program(
    families: tuple[int, ...] = syscalls.LOOPBACK_FAMILIES,
    architecture: str | None = None,
    seen: Collection[str] = (),
) -> bytes:
    """The filter as an array of `struct sock_filter`, for `bwrap --seccomp` and `seccomp(2)`.

    `seen`: refused calls that another filter hands to a recorder before they are refused.
    """
    name = architecture or machine()
    code: list[Instruction] = [
        (LOAD_WORD, 0, 0, ARCHITECTURE_OFFSET),
        (JUMP_EQUAL, 1, 0, AUDIT_ARCHITECTURES[name]),
        (RETURN, 0, 0, ANSWER_KILL),
        (LOAD_WORD, 0, 0, NUMBER_OFFSET),
    ]
    code += answer_ranges(numbers_of(syscalls.parse(syscalls.ALLOWED), name).values(), ANSWER_ALLOW)
    for call, number in numbers_of(syscalls.parse(syscalls.FILTERED), name).items():
        rule = syscalls.filters(families)[call]
        refusal = ANSWER_ERRNO | errno.EPERM
        answers = dict.fromkeys(rule.customary if call in seen else (), refusal)
        answers |= dict.fromkeys(rule.values, ANSWER_ALLOW)
        otherwise = ANSWER_UNTRACED if call in seen else refusal
        code += answer_by_argument(number, rule, answers, otherwise)
    code += answer_ranges(refused_and_seen(name, seen), ANSWER_UNTRACED)
    code.append((RETURN, 0, 0, ANSWER_ERRNO | errno.ENOSYS))
    return assembled(code)


def refused_and_seen(architecture: str, seen: Collection[str]) -> set[int]:
    """The numbers of the REFUSED among `seen`, with x86's second set of numbers."""
    refused = numbers_of(syscalls.parse(syscalls.REFUSED), architecture)
    found = {number for name, number in refused.items() if name in seen}
    if seen and architecture == "x86_64":
        found |= set(range(syscalls.X32_FIRST, syscalls.X32_LAST + 1))
    return found


def answer_ranges(numbers: Iterable[int], answer: int) -> list[Instruction]:
    """The same answer to each of these calls."""
    code: list[Instruction] = []
    for first, last in _ranges(numbers):
        code += [(JUMP_AT_LEAST, 0, 2, first), (JUMP_GREATER, 1, 0, last), (RETURN, 0, 0, answer)]
    return code


def answer_by_argument(
    number: int, rule: Filter, answers: Mapping[int, int], otherwise: int
) -> list[Instruction]:
    """An answer to call `number` for each value of the argument that `rule` looks at."""
    tests: list[Instruction] = []
    for value, answer in answers.items():
        answered = [(RETURN, 0, 0, answer)]
        if value in rule.also and answer == ANSWER_ALLOW:
            argument, only = rule.also[value]
            answered = [
                (LOAD_WORD, 0, 0, ARGUMENTS_OFFSET + 8 * argument),
                (JUMP_EQUAL, 1, 0, only),
                (RETURN, 0, 0, ANSWER_ERRNO | errno.EPERM),
                *answered,
            ]
        tests += [(JUMP_EQUAL, 0, len(answered), value), *answered]
    body: list[Instruction] = [
        (LOAD_WORD, 0, 0, ARGUMENTS_OFFSET + 8 * rule.argument),
        (AND_CONSTANT, 0, 0, rule.mask),
        *tests,
        (RETURN, 0, 0, otherwise),
    ]
    return [(JUMP_EQUAL, 0, len(body), number), *body]


def assembled(code: Iterable[Instruction]) -> bytes:
    """The bytes the kernel takes."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def numbers_of(calls: dict[str, Numbers], architecture: str) -> dict[str, int]:
    """The number of each call that the architecture has."""
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
