"""Which files a script executes or reads, and which native code is in it."""

from __future__ import annotations

import textwrap

from verifier.source import Closure, Role, Tree, read_closure, read_program

KERNEL = '#include "shared.h"\nint add(int a, int b) { return a + b; }\n'


def closure_of(script: str, **others: str) -> Closure:
    files = {name.replace("__", "."): text.encode() for name, text in others.items()}
    tree = Tree(
        files={"train_gpt.py": textwrap.dedent(script).encode(), **files},
        unread={"weights.ptz": 15_000_000, "blob.bin": 1_000_000},
    )
    program = read_program(tree)
    assert program is not None
    return read_closure(program, tree)


def test_siblings_that_are_imported_built_loaded_or_read_take_part() -> None:
    """Promise: what is executed or read is in the closure, whatever way; the rest is not."""
    closure = closure_of(
        """
        import ctypes, os, subprocess
        import numpy as np
        import sentencepiece as spm
        import tools
        HERE = os.path.dirname(os.path.abspath(__file__))

        def build():
            so = os.path.join(HERE, "libadd.so")
            subprocess.run(["gcc", "-O3", "-shared", "-o", so, os.path.join(HERE, "add.c")])
            return ctypes.CDLL(so)

        build()
        table = np.load("table.npz")
        blob = open("blob.bin", "rb").read()
        sp = spm.SentencePieceProcessor(model_file="./tok.model")
        """,
        tools__py="x = 1\n",
        unused__py="x = 1\n",
        add__c=KERNEL,
        shared__h="",
        other__h="",
        table__npz="",
        tok__model="",
        README__md="see table.npz",
    )
    assert closure.files == {
        "train_gpt.py": Role.ENTRY,
        "tools.py": Role.EXECUTED,
        "add.c": Role.BUILT,
        "shared.h": Role.BUILT,
        "table.npz": Role.READ,
        "blob.bin": Role.READ,
        "tok.model": Role.TOKENIZER,
    }
    assert [(each.path, each.text) for each in closure.natives] == [
        ("add.c", KERNEL),
        ("shared.h", ""),
    ]
    assert closure.outside == ["/repository/records/track/submission/libadd.so"]


def test_what_is_never_reached_or_written_by_the_script_is_left_aside() -> None:
    """Promise: dead branches do not count, nor what the script writes before it reads it."""
    closure = closure_of(
        """
        import os, torch

        def unused():
            import tools

        if int(os.environ.get("EXTRA", "0")):
            open("blob.bin", "rb").read()
        torch.save({}, "weights.ptz")
        torch.load("weights.ptz")
        """,
        tools__py="x = 1\n",
    )
    assert closure.files == {"train_gpt.py": Role.ENTRY}


def test_native_code_in_strings_is_found_with_its_line() -> None:
    """Promise: C and CUDA that a script carries as text can be searched like a sibling's."""
    code = KERNEL * 5
    closure = closure_of(
        f"""
        from torch.utils.cpp_extension import load_inline
        NAME = "add"
        SOURCE = {code!r}
        lib = load_inline(name=NAME, cpp_sources=SOURCE, functions=["add"])
        """
    )
    assert [(each.line, each.text) for each in closure.natives] == [(4, code)]


def test_files_are_named_by_strings_alone_where_paths_are_not_known() -> None:
    """Promise: a path that folding cannot know does not hide a file that is named."""
    closure = closure_of(
        """
        import sys
        def read(folder):
            return open(folder + "/blob.bin", "rb").read()
        read(sys.argv[1])
        """
    )
    assert closure.files == {"train_gpt.py": Role.ENTRY, "blob.bin": Role.READ}
