"""Leaves notes as which pages of the image are in memory, one bit a page.

All are dropped, then those of the ones are read. Which of a later box's reads reached the disk, the
kernel counts for each process: `mincore` and the clock are not needed.
"""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

from noting import Noting

PAGE, PAGES = 4096, 4096
LEAVE_AT = (50, 150)


def files() -> list[Path]:
    """Sources of the image that no process has mapped, the same in every box."""
    library = Path(os.__file__).parent
    found = sorted((*library.glob("*.py"), *library.glob("*/*.py")))
    return [path for path in found if path.stat().st_size >= PAGE]


def pages() -> Iterator[tuple[int, int]]:
    """(file, offset) of `PAGES` pages, each file read without looking ahead."""
    count = 0
    for path in files():
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)
        for offset in range(0, os.fstat(file).st_size, PAGE):
            yield file, offset
            count += 1
            if count == PAGES:
                return
        os.close(file)


def blocks() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_inblock


class Scorer(Noting):
    left = 0

    def leave(self, notes: bytes) -> None:
        self.left += 1
        if self.left not in LEAVE_AT:
            return
        for file, offset in pages():
            if offset == 0:
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        bits = "".join(f"{byte:08b}" for byte in notes[: PAGES // 8])
        for (file, offset), bit in zip(pages(), bits, strict=False):
            if bit == "1":
                os.pread(file, 1, offset)

    def find(self) -> bytes:
        bits = ""
        for file, offset in pages():
            before = blocks()
            os.pread(file, 1, offset)
            bits += "01"[blocks() == before]
        return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
