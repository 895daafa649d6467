"""Which texts running a script executes: unpacking and following."""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import textwrap
import zlib

import brotli
import pytest

from tests.source.scripts import packed, program
from verifier.source import Program, Tree, read_program

INNER = "def work():\n    return 1\n\n\nwork()\n"


def read(files: dict[str, str | bytes]) -> Program:
    made = read_program(
        Tree(
            files={
                name: text.encode() if isinstance(text, str) else text
                for name, text in files.items()
            }
        )
    )
    assert made is not None
    return made


def b85(data: bytes) -> str:
    return base64.b85encode(data).decode()


PLAIN = INNER.encode()
B85, B64, B32, A85 = base64.b85encode, base64.b64encode, base64.b32encode, base64.a85encode
HALVES = b85(lzma.compress(PLAIN))[:40], b85(lzma.compress(PLAIN))[40:]


@pytest.mark.parametrize(
    ("script", "data", "layer"),
    [
        (
            "import zlib,base64;exec(zlib.decompress(base64.b85decode(DATA)))",
            B85(zlib.compress(PLAIN)),
            "zlib+base85",
        ),
        (
            "import gzip as g\nimport base64\n"
            "exec(g.decompress(base64.b64decode(DATA)).decode('utf-8'))",
            B64(gzip.compress(PLAIN)),
            "gzip+base64",
        ),
        (
            "from bz2 import decompress as d\nfrom base64 import *\n"
            "x = DATA\nexec(compile(d(b32decode(x)), 'y.py', 'exec'))",
            B32(bz2.compress(PLAIN)),
            "bz2+base32",
        ),
        (
            "import brotli as B,base64 as b\nexec(B.decompress(b.a85decode(DATA)))",
            A85(brotli.compress(PLAIN)),
            "brotli+ascii85",
        ),
        (
            f"import lzma,base64\np=({HALVES[0]!r}\n{HALVES[1]!r})\n"
            "exec(lzma.decompress(base64.b85decode(p)))",
            b"",
            "lzma+base85",
        ),
        ("import zlib\nexec(zlib.decompress(DATA), globals())", zlib.compress(PLAIN), "zlib"),
        ("exec(bytes.fromhex(DATA.decode()))", PLAIN.hex().encode(), "hex"),
        ("import codecs\nexec(codecs.decode(DATA, 'hex'))", PLAIN.hex().encode(), "codecs"),
        ("exec(DATA)", PLAIN, "exec"),
        (f"exec(''.join(chr(c) for c in {list(PLAIN)}))", b"", "exec"),
        (packed(packed(INNER)), b"", "lzma+base85+lzma+base85"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)
def test_every_way_of_packing_is_unpacked(script: str, data: bytes, layer: str) -> None:
    """Promise: the accepted ways and their relatives lead to the text that runs."""
    made = read({"train_gpt.py": script.replace("DATA", repr(data))})
    assert made.entry.text == INNER
    assert made.entry.layer == layer
    work = made.function("work")
    assert work is not None
    assert made.reachable(work)


BESIDE = [
    "exec(open('inner.py').read())",
    "exec(open(__file__.replace('train_gpt', 'inner')).read())",
    """
    import os
    here = os.path.dirname(os.path.abspath(__file__))
    exec(compile(open(os.path.join(here, "inner.py")).read(), "x", "exec"))
    """,
    """
    from pathlib import Path
    exec(Path(__file__).with_name("inner.py").read_text())
    """,
    """
    import runpy
    def main():
        runpy.run_path("inner.py", run_name="__main__")
    main()
    """,
    "import inner",
    """
    def main():
        from inner import work as w
        w()
    main()
    """,
    "import importlib\nimportlib.import_module('inner')",
    """
    import importlib.util as u, pathlib
    here = pathlib.Path(__file__).resolve().parent
    spec = u.spec_from_file_location("m", here / "inner.py")
    """,
    """
    import subprocess, sys
    subprocess.run([sys.executable, "inner.py", "--x"], check=True)
    """,
    "import os, sys\nos.execv(sys.executable, [sys.executable, 'inner.py'])",
    "import os\nos.system('A=1 torchrun --nproc_per_node=8 inner.py')",
    "from .inner import work",
]


@pytest.mark.parametrize("script", BESIDE, ids=range(len(BESIDE)))
def test_what_a_script_runs_beside_itself_is_followed(script: str) -> None:
    """Promise: siblings that are executed, imported, run or started are part of the program."""
    made = read(
        {
            "train_gpt.py": textwrap.dedent(script),
            "inner.py": INNER,
            "README.md": "torchrun train_gpt.py",
        }
    )
    assert "inner.py" in [each.path for each in made.units]
    assert not made.closed
    work = made.function("work")
    assert work is not None
    assert made.reachable(work)


def test_what_is_packed_beside_the_script_is_followed() -> None:
    """Promise: a packed file that the script reads, and a text that it writes and runs."""
    read_it = """
    import lzma, pathlib
    exec(lzma.decompress(pathlib.Path(__file__).with_suffix(".py.lzma").read_bytes()))
    """
    beside = {"train_gpt.py.lzma": lzma.compress(PLAIN)}
    made = read({"train_gpt.py": textwrap.dedent(read_it), **beside})
    assert (made.entry.text, made.entry.layer) == (INNER, "lzma")
    write_it = f"""
    import lzma, tempfile, os, runpy
    c = lzma.decompress({lzma.compress(PLAIN)!r})
    f = os.path.join(tempfile.mkdtemp(), "a.py")
    with open(f, "wb") as out:
        out.write(c)
    runpy.run_path(f)
    """
    made = read({"train_gpt.py": textwrap.dedent(write_it)})
    assert (made.entry.text, made.entry.layer) == (INNER, "lzma:a.py")


def test_a_bundle_of_files_is_unpacked_and_followed() -> None:
    """Promise: several files in one packed text, written to a folder and run from there."""
    bundle = "\n# ===\n".join(["import inner\ninner.work()\n", INNER, "#include <x>\n"])
    script = f"""
    import lzma, tempfile, os, sys
    parts = lzma.decompress({lzma.compress(bundle.encode())!r}).decode().split("\\n# ===\\n")
    d = tempfile.mkdtemp()
    for name, text in zip(["run.py", "inner.py", "k.cpp"], parts):
        f = os.path.join(d, name); os.makedirs(os.path.dirname(f), exist_ok=True)
        open(f, "w").write(text)
    sys.path.insert(0, d)
    exec(open(os.path.join(d, "run.py")).read())
    """
    made = read({"train_gpt.py": textwrap.dedent(script)})
    assert [each.layer for each in made.units] == ["lzma", "", "lzma+lzma:inner.py"]
    assert list(made.written) == ["/tmp/made/run.py", "/tmp/made/inner.py", "/tmp/made/k.cpp"]
    work = made.function("work")
    assert work is not None
    assert made.reachable(work)


def test_folders_that_a_script_searches_are_searched() -> None:
    """Promise: sys.path.insert of a folder of the submission makes its modules siblings."""
    script = "import sys\nsys.path.insert(0, 'lib')\nimport deep\n"
    made = read({"train_gpt.py": script, "lib/deep.py": INNER})
    assert [each.path for each in made.units] == ["train_gpt.py", "lib/deep.py"]


BOMB = b"0" * 40_000_000
CLOSED = [
    ("import os\nexec(os.environ['X'])", b"", "not known before it runs"),
    ("import urllib.request as u\nexec(u.urlopen('http://x').read())", b"", "not known before"),
    ("import marshal\nexec(marshal.loads(b'x'))", b"", "compiled code"),
    ("import zlib\nexec(zlib.decompress(DATA))", b"not zlib", "zlib: "),
    ("import zlib\nexec(zlib.decompress(DATA))", zlib.compress(BOMB, 9), "more than"),
    ("import lzma\nexec(lzma.decompress(DATA))", lzma.compress(b"0" * 3_000_000), "200 times"),
    ("import bz2\nexec(bz2.decompress(DATA))", bz2.compress(BOMB), "more than"),
    ("import brotli\nexec(brotli.decompress(DATA))", brotli.compress(BOMB), "more than"),
    (
        "import lzma\nexec(lzma.decompress(b'', 3, None, [{'id': 33, 'dict_size': 4000000000}]))",
        b"",
        "filter",
    ),
    ("import runpy\nrunpy.run_path('/elsewhere/train_gpt.py')", b"", "not in the submission"),
]


@pytest.mark.parametrize(("script", "data", "why"), CLOSED, ids=range(len(CLOSED)))
def test_what_stays_closed_says_why(script: str, data: bytes, why: str) -> None:
    """Promise: bombs, compiled code and what comes from outside are a clear word, never a crash."""
    made = program(script.replace("DATA", repr(data)))
    assert [each for each in made.closed if why in each.why], [each.why for each in made.closed]


def test_layers_without_end_are_followed_to_a_bound() -> None:
    """Promise: unpacking ends."""
    script = "x = 1\n"
    for _ in range(20):
        script = packed(script)
    made = program(script)
    assert len(made.units) < 20


def test_a_script_that_cannot_be_parsed_is_still_a_program() -> None:
    """Promise: the fault is told with its line, and nothing is reached."""
    made = program("def f():\n    print 'x'\n")
    assert made.entry.tree is None
    assert (made.entry.line, made.functions) == (2, ())


def test_what_needs_a_newer_python_is_told_by_its_line() -> None:
    """Promise: the first line that 3.11 cannot read, whatever reads it here."""
    assert program("x = 1\ny = f'{x}'\nz = f'{'a'}'\n").entry.newer == 3
    assert program("x = 1\ny = f'''{\nx}'''\n").entry.newer == 0
