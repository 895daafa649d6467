"""What does the code of a run weigh beside its model, as the organizers counted it (R1)?

Judges nothing; the cap is for `limits`.
"""

from __future__ import annotations

import lzma

from verifier.screening.evidence.gathering import Evidence
from verifier.screening.evidence.run_logs import ReadLog
from verifier.source.packing import DICTIONARY, packed_bytes

LONGEST_SOURCE = 400_000
_USUAL = {"id": lzma.FILTER_LZMA2, "preset": lzma.PRESET_DEFAULT, "dict_size": DICTIONARY}
"""The default but for its dictionary of 8 MiB, which no script fills."""


def least_code(evidence: Evidence, log: ReadLog) -> int:
    """What the code weighs at the least when it is counted as the organizers counted it.

    Exact where the log counts packed code; else half of what the nearest shipped script has
    compressed, which minifying does not reach.
    """
    counted = log.facts.code_bytes or 0
    program = evidence.program
    own = program is not None and program.entry.layer and program.entry.path in evidence.tree.files
    if log.log.last("code_bytes_packed") is not None:
        return counted
    if own and program is not None and evidence.tree.size(program.entry.path) == counted:
        return counted
    return min(len(lzma.compress(_nearest(evidence, counted), filters=[_USUAL])) // 2, counted)


def _nearest(evidence: Evidence, counted: int) -> bytes:
    """The shipped script whose size is nearest to what a log counts as code."""
    sources = [
        content
        for path, content in evidence.tree.files.items()
        if path.endswith(".py") and len(content) <= LONGEST_SOURCE
    ]
    return min(sources, key=lambda content: abs(len(content) - counted), default=b"")


def packed_code(evidence: Evidence, log: ReadLog) -> int | None:
    """What that script weighs in the wrapper that the organizers accepted, None without one."""
    nearest = _nearest(evidence, log.facts.code_bytes or 0)
    return packed_bytes(nearest) if nearest else None
