"""For every rule of evidence a submission that it fires on: one thing about it is not honest."""

from __future__ import annotations

import base64
import json
import lzma
from collections.abc import Callable, Mapping
from hashlib import sha256
from unittest import mock

from tests.screening.evidence.submissions import (
    BPBS,
    FOLDER,
    MODEL_BYTES,
    README,
    SCRIPT,
    STEPS,
    TOTAL_BYTES,
    changed_claim,
    changed_logs,
    claim,
    files,
    log,
    loss_of,
    refused,
    remarks,
    unread,
)
from verifier.screening import Remark
from verifier.screening.evidence import scripts

Files = Mapping[str, bytes]

_NO_LOGS = {f"train_seed{seed}__log": None for seed in BPBS}
_PREPARE = """import argparse
SHARD_TOKENS = 10_000_000
parser = argparse.ArgumentParser()
parser.add_argument("--val-docs", type=int, default=10_000)

def pieces(tokenizer, text):
    return tokenizer.encode_as_immutable_proto(text)
"""
_PACKED = base64.b85encode(lzma.compress(SCRIPT.encode())).decode()
_OVER = 16_100_000


def _one_log(**lines: str) -> dict[str, bytes]:
    """The honest files with lines changed in the first log."""
    return files(train_seed1__log=log(1, **lines))


def _seeds(**rows: dict[str, object] | None) -> dict[str, bytes]:
    """The honest claim with rows of its seeds changed; None removes one."""
    table = dict(claim()["seed_results"])
    for seed, row in rows.items():
        key = seed.removeprefix("seed")
        table[key] = {**table[key], **row} if row is not None else None
    return changed_claim(seed_results={seed: row for seed, row in table.items() if row})


def _single(**changed: object) -> dict[str, object]:
    """A claim of seed 1 alone."""
    return claim(seeds=[1], seed_results=None, val_bpb_std=None, **changed)


def _only_seed_1(claimed: dict[str, object], **changed: str | None) -> dict[str, bytes]:
    return files(
        submission__json=json.dumps(claimed),
        train_seed2__log=None,
        train_seed3__log=None,
        README__md="# One\n",
        **changed,
    )


def _tokens(**lines: str) -> dict[str, bytes]:
    """Logs whose score line implies 17 % more bytes than the text has."""
    return files(
        **{
            f"train_seed{seed}__log": log(
                seed,
                exact=f"final_int8_roundtrip_exact val_loss:{loss_of(bpb) * 1.17:.8f}"
                f" val_bpb:{bpb:.8f}",
                final="",
                **lines,
            )
            for seed, bpb in BPBS.items()
        }
    )


def _baseline() -> list[Remark]:
    known = frozenset({sha256(SCRIPT.encode()).hexdigest()})
    with mock.patch.object(scripts, "BASELINES", known):
        return remarks(files())


CASES: Mapping[str, Callable[[], Files]] = {
    "manifest-missing": lambda: files(submission__json=None),
    "manifest-name": lambda: files(
        **{"submission__json": None, "submission_ternary__json": json.dumps(claim())}
    ),
    "manifest-value": lambda: changed_claim(val_bpb=True),
    "manifest-incomplete": lambda: changed_claim(author=None),
    "manifest-nulls": lambda: files(submission__json=json.dumps({**claim(), "val_loss": None})),
    "manifest-contradicts-itself": lambda: changed_claim(seeds=[1, 2, 4]),
    "manifest-track": lambda: changed_claim(name="Non-record: a study"),
    "claim-differs-from-logs": lambda: changed_claim(val_bpb=1.15),
    "claim-is-best-seed": lambda: changed_claim(val_bpb=BPBS[1]),
    "claim-is-one-seed": lambda: changed_claim(val_bpb=BPBS[3]),
    "claim-rounding": lambda: changed_claim(val_bpb=1.200406),
    "claim-is-another-score": lambda: changed_logs(
        more="final_sliding val_loss:2.0 val_bpb:1.1901"
    ),
    "claim-without-log": lambda: changed_logs(final="", exact=""),
    "claim-from-scoring-only-logs": lambda: files(
        **{
            f"rescored_seed{seed}__log": log(
                seed, stop="", step="", seed=f"seed:{seed}\nTTT_EVAL_ONLY=1 - no training"
            )
            for seed in BPBS
        },
        **{
            f"train_seed{seed}__log": log(seed).replace(f"{bpb:.8f}", f"{bpb + 0.01:.8f}")
            for seed, bpb in BPBS.items()
        },
    ),
    "seed-claim-differs-from-log": lambda: _seeds(seed2={"val_bpb": 1.2104}),
    "std-is-population": lambda: changed_claim(val_bpb_std=0.00024742),
    "std-differs-from-logs": lambda: changed_claim(val_bpb_std=0.0001),
    "field-differs-from-logs": lambda: _seeds(seed2={"steps": STEPS[2] + 7}),
    "bytes-total-differs": lambda: changed_claim(bytes_total=15_000_000),
    "bytes-total-is-mean": lambda: changed_claim(bytes_total=sum(TOTAL_BYTES.values()) // 3),
    "bytes-total-not-largest": lambda: changed_claim(bytes_total=TOTAL_BYTES[1]),
    "bytes-exclude-code": lambda: _seeds(seed2={"artifact_bytes": MODEL_BYTES[2]}),
    "bytes-code-differs": lambda: changed_claim(bytes_code=1_000),
    "log-missing": lambda: files(**_NO_LOGS),
    "seeds-fewer-than-claimed": lambda: files(train_seed2__log=None, train_seed3__log=None),
    "seeds-fewer-than-asked": lambda: _only_seed_1(_single(val_bpb=BPBS[1])),
    "seed-reused": lambda: changed_logs(seed="seed:1337"),
    "seed-differs-from-name": lambda: _one_log(seed="seed:1337"),
    "seed-not-stated": lambda: _one_log(seed=""),
    "log-duplicate": lambda: files(train__log=log(1)),
    "log-empty": lambda: files(train__log=b""),
    "log-without-score": lambda: _one_log(final="", exact=""),
    "log-of-several-runs": lambda: files(train_seed1__log=log(1) + log(1)),
    "log-of-resumed-run": lambda: _one_log(between="Resuming from checkpoint: step_3000.pt"),
    "log-overwritten": lambda: files(
        train_seed1__log="val_bpb of nothing yet\n    ).split())\n\nclass Last:\n    pass\n"
        "\ndef main():\n    pass\n" + log(1).split("def main():", 1)[1]
    ),
    "size-over-cap": lambda: _one_log(
        total=f"Total submission size int8+zlib: {_OVER} bytes",
        model=f"Serialized model int8+zlib: {_OVER - 300} bytes",
    ),
    "code-counted-packed": lambda: files(
        train_gpt__py=SCRIPT + "#" * 300_000,
        train_seed1__log=log(1, code="Code size (compressed): 320 bytes"),
    ),
    "train-over-limit": lambda: _one_log(
        stop=f"stopping_early: wallclock_cap train_time:616000ms step:{STEPS[1]}/20000"
    ),
    "score-over-limit": lambda: _one_log(
        more="final_ttt val_loss:2.0 val_bpb:1.2001 eval_time:688000ms"
    ),
    "score-over-limit-with-warm-up": lambda: _one_log(
        between="ttt_lora:compile warmup done (560.5s)"
    ),
    "work-after-limit": lambda: _one_log(between="gptq:generated 64 sequences in 196.7s"),
    "training-data-after-limit": lambda: _one_log(
        between="GPTQ:collecting Hessians from calibration data\nGPTQ:collected 66 Hessians in 8.2s"
    ),
    "code-size-differs": lambda: changed_logs(code="Code size: 5000 bytes"),
    "embedded-source-differs": lambda: _one_log(script=SCRIPT.replace("small", "large")),
    "embedded-source-not-what-ran": lambda: _one_log(
        exact="final_ttt_lora val_loss:2.0 val_bpb:1.20010203", final=""
    ),
    "tokens-not-canonical": lambda: changed_logs(
        tokens="val_loader:shards pattern=./data/fineweb_val_*.bin tokens:8000000"
    ),
    "bytes-not-canonical": _tokens,
    "bytes-per-token-differ": lambda: _tokens(tokens=""),
    "validation-limited": lambda: _one_log(between="  eval: 500 batches (limited)"),
    "train-shards-few": lambda: _one_log(
        shards="train_loader:dataset:fineweb10B_sp1024 train_shards:39"
    ),
    "hardware-differs": lambda: _one_log(
        devices="|   0  NVIDIA H200                    Off |   00000002:00:01.0 Off |"
    ),
    "target-gate-counted": lambda: _one_log(
        between="ngram_tilt:hints total=100 gated=9 token_gate=4 within_gate=5 word_gate=0"
    ),
    "part-of-tokens-scored": lambda: changed_logs(
        tokens="val_loader:shards pattern=./data/fineweb_val_*.bin tokens:8000000"
    ),
    "implausibly-low": lambda: changed_claim(val_bpb=0.93),
    "score-not-shown": lambda: files(
        train_gpt__py=SCRIPT.replace("val_loss, val_bpb = score(", "val_loss = val_bpb = len(")
    ),
    "score-line-not-printed": lambda: changed_logs(
        exact="storage_pass_exact val_loss:2.0 val_bpb:1.20010203", final=""
    ),
    "script-name": lambda: files(train_gpt__py=None, train_gpt_v5__py=SCRIPT),
    "script-missing": lambda: files(train_gpt__py=None),
    "script-empty": lambda: files(extra__py=b""),
    "script-packed": lambda: files(
        train_gpt__py=f"import lzma, base64\nexec(lzma.decompress(base64.b85decode({_PACKED!r})))\n"
    ),
    "script-runs-sibling": lambda: files(
        train_gpt__py='exec(open("train_gpt_decode.py").read())\n', train_gpt_decode__py=SCRIPT
    ),
    "script-needs-python-312": lambda: files(
        train_gpt__py=SCRIPT + '\ndef shown(d):\n    return f"{d["a"]} is shown"\n'
    ),
    "requirements-missing": lambda: files(
        train_gpt__py=SCRIPT.replace("import torch", "import torch\nimport brotli")
    ),
    "helper-code-not-counted": lambda: files(
        train_gpt__py=SCRIPT.replace("import torch", "import torch\nimport helper"),
        helper__py="X = 1\n" + "#" * 250_000,
    ),
    "preparation-held-out-documents": lambda: files(prepare__py=_PREPARE),
    "preparation-shard-size": lambda: files(prepare__py=_PREPARE),
    "preparation-needs-old-sentencepiece": lambda: files(prepare__py=_PREPARE),
    "readme-missing": lambda: files(README__md=None),
    "readme-file-missing": lambda: files(README__md=README.replace("train_gpt.py", "run.py")),
    "readme-differs-from-logs": lambda: files(README__md=README.replace("13,002", "13,900")),
    "readme-differs-from-claim": lambda: files(README__md=README.replace("1.2004**", "1.1804**")),
    "readme-seeds-without-log": lambda: files(
        README__md=README + "\n| Run | Seeds |\n|---|---|\n| last | 1, 2, 77 |\n"
    ),
}

OTHERWISE: Mapping[str, Callable[[], list[Remark]]] = {
    "script-is-the-baseline": _baseline,
    "files-refused": lambda: refused(files(), "x.py: a symbolic link"),
    "source-not-read": lambda: unread(files(), "helper.py"),
    "folder-not-under-records": lambda: remarks(files(submission__json=None), ""),
}
"""Rules that fire on something that is not ours to ship."""


def fired(rule: str) -> list[Remark]:
    """What is said about the case of a rule, that rule's remarks only."""
    said = OTHERWISE[rule]() if rule in OTHERWISE else remarks(CASES[rule](), FOLDER)
    return [remark for remark in said if remark.rule == rule]
