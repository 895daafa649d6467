"""An interpreter of the classic BPF that seccomp takes: what would the kernel answer to a call?"""

from __future__ import annotations

import struct
from dataclasses import dataclass

INSTRUCTION_BYTES = 8
MASK = 0xFFFFFFFF


@dataclass(frozen=True)
class Call:
    """One system call as a filter sees it (struct seccomp_data)."""

    number: int
    architecture: int
    arguments: tuple[int, ...] = ()

    def data(self) -> bytes:
        """The 64 bytes: number, architecture, instruction pointer, six arguments."""
        six = (*self.arguments, *(0,) * 6)[:6]
        return struct.pack(
            "=iIQ6Q", self.number, self.architecture, 0, *(value % 2**64 for value in six)
        )


def answer(program: bytes, call: Call) -> int:
    """What the filter returns. Fails on whatever the kernel would not load or run."""
    assert program and len(program) % INSTRUCTION_BYTES == 0
    code = list(struct.iter_unpack("=HBBI", program))
    assert len(code) <= 4096
    data, accumulator, place = call.data(), 0, 0
    for _ in range(len(code)):
        operation, if_true, if_false, constant = code[place]
        place += 1
        match operation:
            case 0x20:  # load a word at an aligned offset
                assert constant % 4 == 0 and constant + 4 <= len(data)
                (accumulator,) = struct.unpack_from("=I", data, constant)
            case 0x54:  # and
                accumulator &= constant
            case 0x15:  # jump if equal
                place += if_true if accumulator == constant else if_false
            case 0x25:  # jump if greater
                place += if_true if accumulator > constant else if_false
            case 0x35:  # jump if greater or equal
                place += if_true if accumulator >= constant else if_false
            case 0x06:  # return
                return int(constant)
            case _:
                raise AssertionError(f"no such operation: {operation:#x}")
        assert place < len(code), "it runs over its end"
    raise AssertionError("it does not return")


def reachable(program: bytes) -> bool:
    """Whether every jump lands within the program and its last instruction returns."""
    code = list(struct.iter_unpack("=HBBI", program))
    jumps = (
        index + 1 + step
        for index, (operation, if_true, if_false, _) in enumerate(code)
        if operation & 0x07 == 0x05
        for step in (if_true, if_false)
    )
    return all(target < len(code) for target in jumps) and code[-1][0] == 0x06
