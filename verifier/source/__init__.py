"""What does this script consist of? Unpacks, parses and follows it; executes nothing of it."""

from verifier.source.closure import Closure, Native, Role, read_closure
from verifier.source.flowing import Flow
from verifier.source.launch import Launch, find_launch, find_launches
from verifier.source.program import (
    UNKNOWN,
    Barrier,
    Function,
    Happening,
    Program,
    Setting,
    Unfollowed,
    Unit,
    read_program,
)
from verifier.source.tree import Tree

__all__ = [
    "UNKNOWN",
    "Barrier",
    "Closure",
    "Flow",
    "Function",
    "Happening",
    "Launch",
    "Native",
    "Program",
    "Role",
    "Setting",
    "Tree",
    "Unfollowed",
    "Unit",
    "find_launch",
    "find_launches",
    "read_closure",
    "read_program",
]
