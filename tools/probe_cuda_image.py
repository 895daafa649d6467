"""Run inside a box of the image for GPUs: tries what real scripts do, and says what it found.

One line a probe on standard output; the first that fails ends it with a traceback. Needs no GPU.
"""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from importlib.metadata import distributions
from pathlib import Path

import torch
from torch.utils.cpp_extension import load_inline

EXTENSION = """
#include <Python.h>
static PyObject *twice(PyObject *self, PyObject *number) {
    return PyLong_FromLong(2 * PyLong_AsLong(number));
}
static PyMethodDef methods[] = {{"twice", twice, METH_O, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "twice", "", -1, methods};
PyMODINIT_FUNC PyInit_twice(void) { return PyModule_Create(&module); }
"""
KERNEL = """
torch::Tensor shifted(torch::Tensor t) { return t + 1; }
"""
MODULES = ("numpy", "sentencepiece", "triton", "brotli", "zstandard")
PROGRAMS = ("brotli", "lrzip", "zstd", "gcc", "g++", "ninja", "openssl")
TEXT = b"a charge is the cost in nats of one held-out token\n" * 4000


def probe_torch() -> str:
    """Its version and the CUDA that it was built for."""
    assert torch.version.cuda is not None, "torch was built without CUDA"
    product = torch.ones(64, 64) @ torch.ones(64, 64)
    assert float(product[0, 0]) == 64.0
    seen = torch.cuda.device_count()
    return f"{torch.__version__}, built for CUDA {torch.version.cuda}, GPUs seen {seen}"


def probe_libraries() -> str:
    """What torch loads only beside a GPU is there and can be loaded."""
    nccl = ".".join(map(str, torch.cuda.nccl.version()))
    return f"cuDNN {torch.backends.cudnn.version()}, NCCL {nccl}"


def probe_modules() -> str:
    """The other modules of the recipe."""
    found = {module: importlib.import_module(module) for module in MODULES}
    return ", ".join(f"{name} {module.__version__}" for name, module in found.items())


def probe_compile() -> str:
    """`torch.compile` makes and runs code of its own, with the answer of the plain function."""

    def curve(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.gelu(x @ x.T).softmax(-1).sum(0)

    x = torch.randn(128, 64)
    began = time.monotonic()
    torch.testing.assert_close(torch.compile(curve)(x), curve(x), rtol=1e-4, atol=1e-5)
    counters = torch._dynamo.utils.counters["inductor"]
    assert counters, "nothing was compiled"
    return f"{time.monotonic() - began:.1f} s, inductor {dict(counters)}"


def probe_c_extension() -> str:
    """gcc makes a Python extension that is imported here."""
    folder = Path(tempfile.mkdtemp())
    source = folder / "twice.c"
    source.write_text(EXTENSION, encoding="utf-8")
    made = folder / f"twice{sysconfig.get_config_var('EXT_SUFFIX')}"
    headers = f"-I{sysconfig.get_path('include')}"
    _run(["gcc", "-shared", "-fPIC", headers, str(source), "-o", str(made)])
    sys.path.insert(0, str(folder))
    answer = importlib.import_module("twice").twice(21)
    assert answer == 42
    return f"twice(21) = {answer}"


def probe_torch_extension() -> str:
    """torch's own loader makes an extension in C++ with ninja and g++, and imports it here."""
    began = time.monotonic()
    module = load_inline("shifted", KERNEL, functions=["shifted"], extra_cflags=["-O1"])
    assert module.shifted(torch.zeros(3)).tolist() == [1.0, 1.0, 1.0]
    return f"{time.monotonic() - began:.1f} s, shifted(0) = 1"


def probe_packers() -> str:
    """Each packer's program packs and unpacks; where there is a module, it agrees."""
    said = []
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain"
        plain.write_bytes(TEXT)
        for program, suffix in (("brotli", ".br"), ("zstd", ".zst"), ("lrzip", ".lrz")):
            packed = plain.with_name(f"plain{suffix}")
            _run([program, str(plain), "-o", str(packed)])
            back = plain.with_name(f"back-{program}")
            _run([program, "-d", str(packed), "-o", str(back)])
            assert back.read_bytes() == TEXT, program
            said.append(f"{program} {len(TEXT)} → {packed.stat().st_size}")
        brotli, zstandard = map(importlib.import_module, ("brotli", "zstandard"))
        assert brotli.decompress(plain.with_name("plain.br").read_bytes()) == TEXT
        stream = zstandard.ZstdDecompressor().decompressobj()
        assert stream.decompress(plain.with_name("plain.zst").read_bytes()) == TEXT
    return ", ".join(said)


def probe_programs() -> str:
    """Where the programs of the recipe are."""
    found = {program: shutil.which(program) for program in PROGRAMS}
    assert all(found.values()), found
    return ", ".join(str(path) for path in found.values())


def probe_nothing_compiled() -> str:
    """No module in the image is there as bytecode."""
    files = [path for path in Path("/usr").rglob("*") if path.is_file()]
    compiled = [path for path in files if path.suffix == ".pyc"]
    assert not compiled, compiled[:3]
    return f"none of {len(files)} files; {len(list(distributions()))} distributions"


def _run(command: list[str]) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{command}: {ended.stderr[-2000:]}"


PROBES = (
    probe_torch,
    probe_libraries,
    probe_modules,
    probe_programs,
    probe_packers,
    probe_c_extension,
    probe_compile,
    probe_torch_extension,
    probe_nothing_compiled,
)

if __name__ == "__main__":
    print(f"python: {platform.python_version()}, uid {os.getuid()}", flush=True)
    for probe in PROBES:
        print(f"{probe.__name__.removeprefix('probe_')}: {probe()}", flush=True)
