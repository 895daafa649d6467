"""What does a training log say? One pass over its bytes, for every format of the history."""

from verifier.source.logs.reading import read_log
from verifier.source.logs.record import (
    Embedded,
    Log,
    Meaning,
    Phase,
    Quote,
    Score,
    Stated,
    Stop,
    Work,
)
from verifier.source.logs.scores import agrees, final_score

__all__ = [
    "Embedded",
    "Log",
    "Meaning",
    "Phase",
    "Quote",
    "Score",
    "Stated",
    "Stop",
    "Work",
    "agrees",
    "final_score",
    "read_log",
]
