"""Code that is shipped compiled is told from code that is built, and from the script's model."""

from __future__ import annotations

import pytest

from tests.screening.rules.scripts import remarks, script, told
from verifier.screening import Confidence, Remark
from verifier.screening.rules import binary_code
from verifier.source import Tree, read_program

SCORED = "print(score(net, held, lengths))"
KERNEL = "#include <stdint.h>\nint add(int a, int b) { return a + b; }\n"


def found(main: str, *shipped: str, **others: str) -> list[Remark]:
    files = {"train_gpt.py": script(f"{main}\n{SCORED}").encode()}
    files |= {name.replace("__", "."): body.encode() for name, body in others.items()}
    tree = Tree(files=files, unread=dict.fromkeys(shipped, 9))
    program = read_program(tree)
    assert program is not None
    return list(binary_code.check(program, tree))


REVIEW = {"binary-code": Confidence.REVIEW}


@pytest.mark.parametrize(
    ("lines", "shipped"),
    [
        ("import ctypes\nctypes.CDLL('./fast.so')", "fast.so"),
        ("from ctypes import CDLL as load\nload('fast.so')", "fast.so"),
        ("import ctypes\nctypes.cdll.LoadLibrary('libs/fast.so')", "libs/fast.so"),
        ("torch.ops.load_library('fast.so')", "fast.so"),
        ("import ctypes\nctypes.CDLL(str(net))", "fast.bin"),
        ("import ctypes\nctypes.CDLL('/tmp/made.so')", "README.md"),
        ("import fast\nfast.go()", "fast.cpython-311-x86_64-linux-gnu.so"),
        ("import fast\nfast.go()", "fast.pyc"),
        ("import sys\nsys.path.insert(0, 'more.zip')\nimport more", "more.zip"),
        ("import pickle\npickle.load(open('tables.pkl', 'rb'))", "tables.pkl"),
        ("torch.load('start.pt', weights_only=False)", "start.pt"),
        ("torch.load(str(net))", "start.pt"),
        ("import joblib\njoblib.load('model.bin')", "model.bin"),
        ("np.load('a.npy', allow_pickle=True)", "a.npy"),
        ("import pickle\npickle.loads(b'cos\\nsystem\\n.')", "README.md"),
        ("import base64, pickle\npickle.loads(base64.b64decode('Y29zCg=='))", "README.md"),
        ("odd = b'cos\\n.'\ntorch.load(io.BytesIO(odd), weights_only=False)", "README.md"),
        ("import marshal\nmarshal.loads(b'abc')", "README.md"),
        ("import subprocess\nsubprocess.run(['./tool', 'x'])", "tool"),
        ("import subprocess\nsubprocess.run('bash prepare.sh', shell=True)", "prepare.sh"),
        ("os.system('perl more.pl')", "more.pl"),
        ("import subprocess\nsubprocess.run(['python', '-c', str(net)])", "README.md"),
        ("import subprocess\nsubprocess.run(str(net), shell=True)", "README.md"),
        ("import subprocess\nsubprocess.run([str(net), 'x'])", "README.md"),
        ("import sys, subprocess\nsubprocess.run([sys.executable, str(net)])", "README.md"),
        ("os.execvp('python', ['python', str(net)])", "README.md"),
    ],
)
def test_what_is_no_source_and_runs_asks_for_a_person(lines: str, shipped: str) -> None:
    """Red: libraries, pickles, archives and programs that nothing here was read of."""
    assert told(found(lines, shipped)) == REVIEW


@pytest.mark.parametrize(
    ("lines", "shipped"),
    [
        ("import ctypes\nctypes.CDLL(None)", "fast.txt"),
        ("import ctypes\nctypes.CDLL('libc.so.6')", "README.md"),
        ("import ctypes\nctypes.CDLL('/usr/lib/libcudart.so')", "README.md"),
        ("torch.load('start.pt', weights_only=True)", "start.pt"),
        ("torch.save(net, 'model.pt')\ntorch.load('model.pt')", "model.pt"),
        ("np.load('a.npy')", "a.npy"),
        ("import json\njson.load(open('a.json'))", "a.json"),
        ("import subprocess\nsubprocess.run(['nvidia-smi'])", "README.md"),
        ("import subprocess\nsubprocess.run(['lrzip', '-o', str(net)])", "README.md"),
        ("import sys, subprocess\nsubprocess.run([sys.executable, '-m', 'pip', 'list'])", "a.sh"),
        ("net.load_state_dict({})", "start.pt"),
        ("export(net)\nnet = restored()", "artifact.bin"),
    ],
)
def test_a_system_library_and_the_own_model_are_left_alone(lines: str, shipped: str) -> None:
    """Near misses: what the machine has, what the script writes itself, what runs no code."""
    assert told(found(lines, shipped)) == {}


def test_native_source_that_the_script_builds_is_left_alone() -> None:
    """Near miss: the source is shipped, and the rules read it."""
    lines = (
        "import ctypes, subprocess\n"
        "subprocess.run(['gcc', '-shared', '-o', 'fast.so', 'fast.c'])\n"
        "ctypes.CDLL('./fast.so')"
    )
    assert told(found(lines, fast__c=KERNEL)) == {}


def test_a_script_that_is_started_and_followed_is_left_alone() -> None:
    """Near miss: what a process runs is read as the script itself is."""
    lines = "import sys, subprocess\nsubprocess.run([sys.executable, 'second.py'])"
    assert told(found(lines, second__py="print(1)\n")) == {}


def test_a_string_of_source_that_is_built_is_left_alone() -> None:
    """Near miss: the source stands in the script."""
    lines = (
        "from torch.utils.cpp_extension import load_inline\n"
        f"load_inline('fast', cpp_sources=[{KERNEL!r}])"
    )
    assert told(found(lines)) == {}


def test_a_pickle_that_no_code_reads_is_left_alone() -> None:
    """Near miss: nothing unpickles."""
    assert told(remarks(binary_code, script(SCORED))) == {}
