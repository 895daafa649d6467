"""How does the answer of shadow runs look to a program?"""

from __future__ import annotations

import json
from dataclasses import asdict

from verifier.report.shadow import words
from verifier.shadow import Shadowed

FORMAT = 1


def page(answer: Shadowed, reference: str) -> str:
    """The whole answer as one JSON object, indented; ends with a line break."""
    said = {"format": FORMAT, "reference": reference, **asdict(answer)}
    return json.dumps({**said, "exit_code": words.EXIT_CODES[answer.answer]}, indent=1) + "\n"
