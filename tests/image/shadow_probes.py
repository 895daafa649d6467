"""Run inside a box of the image for shadow runs: does what real scripts do, and says what it found.

One line of JSON on standard output; whatever is lacking ends it with a traceback.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

os.environ["TRITON_INTERPRET"] = "1"
# As they are imported, and as their wheels are called.
MODULES = {
    "numpy": "numpy",
    "torch": "torch",
    "triton": "triton",
    "sentencepiece": "sentencepiece",
    "brotli": "brotli",
    "zstandard": "zstandard",
    "tiktoken": "tiktoken",
    "tree_sitter": "tree-sitter",
    "tree_sitter_python": "tree-sitter-python",
}
NEWER = b"type Pair[T] = tuple[T, T]\ndef first[T](pair: Pair[T]) -> T:\n    return pair[0]\n"
COUNTING = """
#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
double roots(const uint16_t *tokens, int64_t length) {
    double sum = 0.0;
    #pragma omp parallel for reduction(+ : sum)
    for (int64_t at = 0; at < length; at++) sum += sqrt((double)tokens[at]);
    return sum;
}
"""
FLAGS = ("-O3", "-march=native", "-std=c11", "-shared", "-fPIC", "-fopenmp")
TEXT = b"a charge is the cost in nats of one held-out token\n" * 4000


def imports() -> dict[str, float]:
    """The seconds that each module takes, in this order, with those it imports."""
    taken = {}
    for module in MODULES:
        began = time.monotonic()
        importlib.import_module(module)
        taken[module] = round(time.monotonic() - began, 2)
    return taken


def kernel() -> list[float]:
    """Sums over what a triton kernel made in the interpreter: a product and sums of rows."""
    import torch
    import triton
    import triton.language as tl

    @triton.jit
    def squared(source, target, sums, SIDE: tl.constexpr):
        at = tl.arange(0, SIDE)
        places = at[:, None] * SIDE + at[None, :]
        matrix = tl.load(source + places)
        tl.store(target + places, tl.dot(matrix, matrix))
        tl.store(sums + at, tl.sum(matrix, axis=1))

    matrix = torch.arange(256.0).reshape(16, 16) / 256
    target, sums = torch.empty_like(matrix), torch.empty(16)
    squared[(1,)](matrix, target, sums, SIDE=16)
    torch.testing.assert_close(target, matrix @ matrix)
    torch.testing.assert_close(sums, matrix.sum(1))
    return [float(target.double().sum()), float(sums.double().sum())]


def compiled() -> float:
    """gcc makes a shared library in TMPDIR with what scripts ask of it; ctypes calls it."""
    import numpy as np

    folder = Path(tempfile.mkdtemp(dir=os.environ["TMPDIR"]))
    source, library = folder / "counting.c", folder / "counting.so"
    source.write_text(COUNTING, encoding="utf-8")
    run("gcc", *FLAGS, str(source), "-o", str(library), "-lm", "-lgomp", "-lpthread")
    roots = ctypes.CDLL(str(library)).roots
    roots.restype = ctypes.c_double
    roots.argtypes = [ctypes.c_void_p, ctypes.c_int64]
    tokens = np.array([0, 1, 4, 9, 16], dtype=np.uint16)
    return float(roots(tokens.ctypes.data, len(tokens)))


def packed() -> list[str]:
    """The packers' programs that pack and unpack, and agree with their modules."""
    import brotli
    import zstandard

    with tempfile.TemporaryDirectory() as name:
        plain, said = Path(name) / "plain", []
        plain.write_bytes(TEXT)
        for program in ("brotli", "lrzip", "zstd"):
            short, back = plain.with_name(program), plain.with_name(f"{program}.back")
            run(program, str(plain), "-o", str(short))
            # lrzip unpacks what is called so.
            short = short.rename(short.with_suffix(".lrz")) if program == "lrzip" else short
            run(program, "-d", str(short), "-o", str(back))
            said += [program] if back.read_bytes() == TEXT else []
        assert brotli.decompress(plain.with_name("brotli").read_bytes()) == TEXT
        stream = zstandard.ZstdDecompressor().decompressobj()
        assert stream.decompress(plain.with_name("zstd").read_bytes()) == TEXT
    return said


def newer() -> bool:
    """tree-sitter reads a script that this Python cannot."""
    import tree_sitter
    import tree_sitter_python

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_python.language()))
    return not parser.parse(NEWER).root_node.has_error


def merged() -> list[int]:
    """tiktoken with an encoding that it need not download."""
    import tiktoken

    ranks = {bytes([byte]): byte for byte in range(256)} | {b"ab": 256}
    return tiktoken.Encoding(
        "tiny", pat_str=r"\w+|\s+", mergeable_ranks=ranks, special_tokens={}
    ).encode("ab a")


def run(*command: str) -> None:
    """Run a program that must succeed."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{command}: {ended.stdout[-1000:]} {ended.stderr[-1000:]}"


if __name__ == "__main__":
    found = {
        "python": platform.python_version(),
        "imports": imports(),
        "versions": {name: importlib.metadata.version(name) for name in MODULES.values()},
        "kernel": kernel(),
        "compiled": compiled(),
        "packed": packed(),
        "newer": newer(),
        "merged": merged(),
        "compilers": [name for name in ("gcc", "g++", "ptxas") if shutil.which(name)],
    }
    print("found:", json.dumps(found))
