"""What exactly will run? A root file system, made from a recipe and named by its sha256.

Must never fall back to a tag or an unlocked wheel.
"""

from verifier.image.base import why_none
from verifier.image.build import build, build_with, extract, find, find_unrooted, unrooted
from verifier.image.bytecode import bytecode
from verifier.image.environment import host_root
from verifier.image.kept import is_shipped, lock_files, wrong_lock
from verifier.image.recipe import names

__all__ = [
    "build",
    "build_with",
    "bytecode",
    "extract",
    "find",
    "find_unrooted",
    "host_root",
    "is_shipped",
    "lock_files",
    "names",
    "unrooted",
    "why_none",
    "wrong_lock",
]
