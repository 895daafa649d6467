"""What does the code of a submission weigh, three ways (R1)?

Raw, packed by us as the accepted convention does, and every file that is executed or read. Packing
costs more time than everything else that screening does to a script, so a triage does without.
Measures only; the cap is for the rules of evidence.
"""

from __future__ import annotations

import re
from enum import StrEnum

from verifier.screening.screened import CodeWeights
from verifier.source import Closure, Program, Tree
from verifier.source.packing import packed_bytes

_OUTPUT = re.compile(
    r"(?:^|/)(?:final_)?(?:model|checkpoint|artifact)[\w.-]*\.(?:pt|ptz|bin|xz|zst|br)$"
)
"""What training leaves: the model is weighed by itself, not as code."""


class Pack(StrEnum):
    """When the packed size is computed."""

    ALWAYS = "always"
    WHEN_IT_DECIDES = "when it decides"
    """Only where the script as shipped does not fit beside the model."""
    NEVER = "never"
    """In a triage, where one script in four does not fit and each takes a third of a second."""


def weigh_code(
    program: Program,
    closure: Closure,
    tree: Tree,
    *,
    pack: Pack,
    model_bytes: int | None = None,
    cap_bytes: int,
) -> CodeWeights:
    """Weigh the code of one submission. Sizes in bytes; `packed` is None where it was not asked.

    `model_bytes` is the compressed model's size by the submission's own logs or claims, None where
    they do not say it; `cap_bytes` the policy's limit on both together.
    """
    entry = program.launch.script
    counted = {path: tree.size(path) for path in sorted(closure.files) if not _OUTPUT.search(path)}
    raw = tree.size(entry)
    decides = model_bytes is not None and model_bytes + raw > cap_bytes
    asked = pack is Pack.ALWAYS or (pack is Pack.WHEN_IT_DECIDES and decides)
    return CodeWeights(
        raw=raw,
        packed=packed_bytes(tree.files[entry]) if asked else None,
        closure=sum(counted.values()),
        counted=counted,
    )
