"""What do the fuzzers of `guests.py` and `handed.py` start from?

What once broke a promise stands here too, each with a word on what it did.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import tarfile
from collections.abc import Mapping

import numpy as np

from tests.attacks.archives import member, plain
from tests.submission.folders import CLAIMS, MANIFEST
from tests.submission.test_tokenizer import model_bytes
from verifier import installed

_SCRIPT = b"contract: script/1\ncommand: python train_gpt.py\nenvironment: {A: 1, B: x}\n"
_POLICY = (installed.path("policies") / "local_cpu.yaml").read_bytes()
_YAML = (
    b'contract: !!int ""\n',
    b"contract: !!bool x\n",
    b"contract: !!timestamp x\n",
    b'contract: "\\UFFFFFFFF"\n',
    b'contract: "\\U00110000"\n',
    b'"\\ud800": 1\n',
    b"rows: 0x" + b"f" * 4000 + b"\ncontract: scorer/1\n",
    b"%YAML 1." + b"9" * 4000 + b"\n---\na: 1\n",
    b"a: &x [*x]\n",
    b"a: !!binary x\n<<: {a: 1}\n",
)
"""Of which each ended in an exception of Python's own once, or could have."""


def _frame(kind: int, body: bytes) -> bytes:
    """One raw answer as the target reads it: a step that says how long it is, then its bytes."""
    sent = struct.pack("<BxxxI", kind, len(body)) + body
    return bytes([128 + len(sent)]) + sent


def _npz(**changes: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    arrays = {
        "position": np.array([1, 2]),
        "cost": np.array([0.5, 1.0], np.float32),
        "block": np.array([0, 1]),
        "step": np.array([0, 1]),
        "gradient": np.array([False, True]),
        "source": np.array([0, 1], np.int8),
    }
    np.savez(buffer, **{**arrays, **changes})
    return buffer.getvalue()


_SAID = json.dumps({"lines": [], "files": [], "refused": []}).encode()


def _cut(*pieces: bytes) -> bytes:
    """Pieces as the targets cut them: each but the last after its length."""
    return b"".join(struct.pack("<H", len(p)) + p for p in pieces[:-1]) + pieces[-1]


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("folder/train.py")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"x=1"))
    return buffer.getvalue()


_TABLE = json.dumps({"pieces": ["YQ==", "Yg=="], "bos": -1}).encode()
_COUNTS = np.array([4, 1, 6], "<i8").tobytes()
_IDS = np.array([0, 1, 1, 0, 1] + [0] * 6, "<i4").tobytes()
_TREE = b"100644 a\0" + bytes(20) + b"40000 b\0" + bytes(range(20))
_COMMIT = b"tree " + b"a" * 40 + b"\nparent " + b"b" * 40 + b"\nauthor A <a@b> 1 +0\n\nsubject\n"
_TRACE = b'{"kind":"poll","gpu":"0","at":1,"until":2,"contexts":[{"pid":1,"owner":"box"}]}\n'

SEEDS: Mapping[str, tuple[bytes, ...]] = {
    "manifest": (MANIFEST.encode(), _SCRIPT, *_YAML),
    "claimed": (json.dumps(CLAIMS).encode(), b'{"val_bpb": 1e999, "seeds": [1]}'),
    "policy": (_POLICY, *_YAML),
    "requirements": (
        b"einops>=0.8\nnumpy\n# no\n--index-url x\n",
        b'x; python_version ~= "foo"\n',
        b'x; "a" == "b"\n',
        b"x; " + b"(" * 2000 + b'python_version > "3"' + b")" * 2000,
    ),
    "tokenizer": (model_bytes(),),
    "trace": (_TRACE, b'{"kind":"event","event":"a","at":1' + b"0" * 400 + b"}\n"),
    "objects": (_TREE, _COMMIT),
    "tarball": (_tar(), gzip.compress(_tar()), plain({"a": b"x"})),
    "bundle": (
        b"\x80" + plain({"a": b"x", "b/c": b"y"}),
        b"\xc0" + member("link", kind=tarfile.SYMTYPE, linkname="/etc/passwd"),
        b"\xc0" + member("a/b", b"x" * 20),
        b"\0\x1f\x8b\x08\x04",
    ),
    "ledger": tuple(random.Random(seed).randbytes(8) for seed in range(12)),
    "wire": (
        bytes(10),
        bytes(2) + _frame(66, bytes(100)),
        bytes(2) + _frame(68, b"no"),
        bytes(1) + _frame(65, b"") + bytes(4),
        bytes(4) + _frame(67, struct.pack("<16f", *[3e38, -3e38] * 8)) + bytes(3),
        bytes(4) + _frame(67, struct.pack("<I", 0x7FA00000) * 16),
    ),
    "tokens": (
        _cut(_COUNTS, _IDS, _TABLE),
        _cut(_COUNTS, _IDS, b'{"pieces": ["YQ=="], "bos": 1e999}'),
    ),
    "notes": (
        _cut(_npz(), _SAID),
        _cut(_npz(cost=np.array([np.nan, np.inf])), _SAID),
        _cut(_npz(), b'{"lines": [{"text": "", "block": 1e999, "step": 0}], "files": []}'),
        _cut(_npz().replace(b"(2,)", b"(9" + b"9" * 14 + b",)"[:2], 1), _SAID),
    ),
    "boxlog": (bytes(4) + struct.pack(">I", 3) + b"abc", b"\1\0\0\0\xff\xff\xff\xffx"),
    "output": (
        b"\0\x01a\x01\x01d\0\x01b\x03\x01l\x04\x01s\x05\x02hh\x06\x01f\x07\x01z\x08\x01k\x09\x01o",
        b"\x01\x01d" * 40,
        b"\0\x3f" + b"\xff" * 63,
    ),
}
