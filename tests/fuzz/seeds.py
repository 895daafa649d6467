"""What does the fuzzer start from? Small inputs of the right shape for each target."""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import random
import zlib
from collections.abc import Mapping

import brotli

from tests.fuzz import handed_over
from tests.source.scripts import TRAINER, packed

_SOURCE = TRAINER.encode()
_SHORT = b"x = 1\nprint(x)\n"
_README = b"""# Run
```bash
export A=1
SEED=42 \\
  LR=0.1 torchrun --standalone --nproc_per_node=8 train_gpt.py --fast 2>&1 | tee a.log
bash run.sh
```
"""
_CLAIMS = b"""{"name": "a", "author": "b", "github_id": "c", "val_bpb": 1.1, "seeds": [1, 2],
"seed_results": {"1": {"val_bpb": 1.1, "val_loss": 1.9}}, "bytes_total": 15900000}
"""
_LOG = b"""world_size:8 grad_accum_steps:1
  adapt_enabled: True
step:100/20000 val_loss:2.1 val_bpb:1.2 train_time:60000ms step_avg:60.0ms
final_int8_zlib_roundtrip val_loss:2.0727 val_bpb:1.2276 eval_time:1000ms
Total submission size int8+zlib: 15884843 bytes
"""

SEEDS: Mapping[str, tuple[bytes, ...]] = {
    "unpack": tuple(
        bytes([index]) + made
        for index in range(24)
        for made in (
            lzma.compress(_SHORT),
            zlib.compress(_SHORT),
            gzip.compress(_SHORT),
            bz2.compress(_SHORT),
            brotli.compress(_SHORT),
            base64.b85encode(_SHORT),
            base64.b64encode(_SHORT),
            _SHORT.hex().encode(),
        )
    ),
    "parse": (_SOURCE, b"x = f'{d['a']}'\n", b"def f[T](x):\n  return f'''{\nx}'''\n"),
    "script": (_SOURCE, packed(TRAINER).encode(), b"exec(open('other.py').read())\n"),
    "grammar": tuple(random.Random(seed).randbytes(400) for seed in range(20)),
    "rules": tuple(random.Random(seed).randbytes(400) for seed in range(20)),
    "launch": (_README, _CLAIMS, _LOG, b"command: [python, train_gpt.py]\nenvironment: {A: 1}\n"),
    "minify": (_SOURCE, b"x = '''a\n  b'''  # why\n\n"),
    "claims": (_CLAIMS,),
    "log": (_LOG,),
    **handed_over.SEEDS,
}
