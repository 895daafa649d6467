"""Does one pass over a log find what it says, in every format, and nothing it does not say?"""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.source.logs import Log, Meaning, Phase, read_log

RULE = "=" * 100
SOURCE = '"""Trains."""\nimport os\n\ndef main():\n    print("final_x val_loss:1 val_bpb:1.5")\n'


def read(*lines: str) -> Log:
    """A log of these lines."""
    return read_log("\n".join([*lines, ""]).encode())


@pytest.mark.parametrize(
    ("line", "label", "bpb", "loss", "seconds"),
    [
        (
            "final_int8_zlib_roundtrip_exact val_loss:2.07405347 val_bpb:1.22837129",
            *("final_int8_zlib_roundtrip_exact", 1.22837129, 2.07405347, None),
        ),
        (
            "final_int6_sliding_window val_loss:1.9092 val_bpb:1.1307 stride:64 eval_time:85703ms",
            *("final_int6_sliding_window", 1.1307, 1.9092, 85.703),
        ),
        (
            "final_sliding_window_eval_exact stride:64 val_loss:2.02215627 val_bpb:1.19763674",
            *("final_sliding_window_eval_exact", 1.19763674, 2.02215627, None),
        ),
        (
            "legal_ttt_exact val_loss:2.79517119 val_bpb:1.08209788 eval_time:293430ms",
            *("legal_ttt_exact", 1.08209788, 2.79517119, 293.43),
        ),
        (
            "quantized_ttt_phased val_loss:2.77 val_bpb:1.07134229 eval_time:332086ms",
            *("quantized_ttt_phased", 1.07134229, 2.77, 332.086),
        ),
        (
            "ttt_sliding:done val_loss=1.889768 val_bpb=1.119230 elapsed=409.8s",
            *("ttt_sliding:done", 1.11923, 1.889768, 409.8),
        ),
        (
            "final_sliding val_loss:2.7621 val_bpb:1.5392 (stride=16, T=1.00) time:1282427ms",
            *("final_sliding", 1.5392, 2.7621, 1282.427),
        ),
        (
            "final_int6_roundtrip val_loss:1.9872 val_bpb:1.1770 exact:1.17695770 eval_time:6753ms",
            *("final_int6_roundtrip", 1.1769577, 1.9872, 6.753),
        ),
        (
            "final_int8_zlib_roundtrip sliding val_loss:2.0212 sliding val_bpb:1.1971",
            *("final_int8_zlib_roundtrip sliding", 1.1971, 2.0212, None),
        ),
        ("q_sw_x vl:1.89452350 bpb:1.12204650", "q_sw_x", 1.1220465, 1.8945235, None),
        ("Quantized BPB (no XSA): 1.015700", "Quantized", 1.0157, None, None),
        ("val_bpb:          1.12278022", "", 1.12278022, None, None),
        (
            "ppm_mixer val_bpb:0.99528899 eval_time:348292ms order=4 H=0.9",
            *("ppm_mixer", 0.99528899, None, 348.292),
        ),
    ],
    ids=lambda value: value.split(" ")[0] if isinstance(value, str) else None,
)
def test_a_final_score_is_read_in_every_format(
    line: str, label: str, bpb: float, loss: float | None, seconds: float | None
) -> None:
    """Label, bits per byte, nats per token, seconds, and the line it stands on."""
    final = read("seed:1", line).final
    assert final is not None
    assert (final.label, final.bpb, final.loss, final.seconds) == (label, bpb, loss, seconds)
    assert final.quote.line == 2


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("step:13700/20000 val_loss:2.0601 val_bpb:1.2201 train_time:599895ms", Meaning.STEP),
        ("4932/20000 val_loss: 2.3570 val_bpb: 1.0770", Meaning.STEP),
        ("s:0/20000 vl:6.9279 bpb:4.1031 tt:0ms sa:0.01ms", Meaning.STEP),
        ("DIAGNOSTIC post_ema val_loss:1.9222 val_bpb:1.1385 eval_time:1960ms", Meaning.DIAGNOSTIC),
        ("diagnostic quantized val_loss:2.79 val_bpb:1.08324876", Meaning.DIAGNOSTIC),
        ("pre-quantization post-ema val_loss:2.54 val_bpb:1.10481601", Meaning.DIAGNOSTIC),
        ("EMA BPB (fp32):     0.995687", Meaning.DIAGNOSTIC),
        ("candidate_eval:ema val_loss:1.9648 val_bpb:1.1637", Meaning.DIAGNOSTIC),
        ("  ttt_chunk [1/1893] bpb=1.159980 time=0.5s", Meaning.PROGRESS),
        ("  sliding_eval [ 10.6%] 12832/121136 windows running_bpb=1.143566", Meaning.PROGRESS),
        ("prequant_ttt:epoch 1/21 val_bpb=1.084913 lr=0.000500 time=60.3s", Meaning.PROGRESS),
    ],
)
def test_a_score_of_something_else_is_never_final(line: str, meaning: Meaning) -> None:
    """Steps, diagnostics, parts: kept under what they are."""
    log = read(line)
    assert [score.meaning for score in log.scores] == [meaning]
    assert log.final is None


def test_the_last_result_is_final_not_the_lowest() -> None:
    """A better score earlier in the log is not what it ends in."""
    log = read(
        "final_ttt val_loss:1.8 val_bpb:1.1000", "final_roundtrip val_loss:2.0 val_bpb:1.2000"
    )
    assert log.final is not None
    assert log.final.bpb == 1.2


def test_the_most_exact_print_of_the_final_score_is_taken() -> None:
    """With its loss, and not a launcher's echo."""
    log = read(
        "final_x val_loss:2.0727 val_bpb:1.2244",
        "final_x_exact val_loss:2.07269931 val_bpb:1.22436570",
        "val_bpb: 1.22436570",
    )
    assert log.final is not None
    assert (log.final.bpb, log.final.loss, log.final.quote.line) == (1.2243657, 2.07269931, 2)


def test_several_scores_of_one_line_are_kept_apart() -> None:
    """The first is what the line is about."""
    log = read("final_integrated model_bpb:1.1627 ngram_bpb:0.3211")
    assert [(score.label, score.bpb) for score in log.scores] == [
        ("final_integrated model", 1.1627),
        ("final_integrated ngram", 0.3211),
    ]
    assert log.final is not None
    assert log.final.bpb == 1.1627


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("seed:1337", "seed", 1337),
        ("  seed: 42", "seed", 42),
        ("SEED=2024", "seed", 2024),
        ("lr:embed=0.035 batch:786432 wall:600s seed:7", "seed", 7),
        ("world_size:8 grad_accum_steps:1", "world_size", 8),
        ("  world_size: 4", "world_size", 4),
        ("train_loader:dataset:fineweb10B_sp1024 train_shards:25", "train_shards", 25),
        ("train_shards: 39", "train_shards", 39),
        ("val_loader:shards pattern=./fineweb_val_*.bin tokens:62021632", "val_tokens", 62021632),
        ("val_tokens: 45508608", "val_tokens", 45508608),
        ("Validation tokens: 62,021,633", "val_tokens", 62021633),
        ("Code size: 58380 bytes", "code_bytes", 58380),
        ("Code size (uncompressed): 157868 bytes", "code_bytes", 157868),
        ("Code size (compressed): 31999 bytes", "code_bytes_packed", 31999),
        ("artifact:15.92MB ternary:64880640(1B) fp:25(2B) code:70853", "code_bytes", 70853),
        ("Raw model: 85587955 bytes | Code: 70969 bytes | Total: 1", "code_bytes", 70969),
        ("Serialized model: 67224983 bytes", "raw_model_bytes", 67224983),
        ("Serialized model int8+zlib: 15814468 bytes (payload:17)", "model_bytes", 15814468),
        ("Total submission size: 67283363 bytes", "raw_total_bytes", 67283363),
        ("Total submission size int6+zstd: 15892986 bytes", "total_bytes", 15892986),
        ("budget:15992753/16000000 (15.99/16.00MB) FITS", "total_bytes", 15992753),
        ("artifact_bytes:   15586805", "total_bytes", 15586805),
        ("ttt_phased: total_docs:50000 prefix_docs:2500", "documents", 50000),
        ("  eval: 500 batches (limited)", "limited_batches", 500),
        ("gptq:reserving 12s, effective=588000ms", "reserve_seconds", 12),
        ("ngram_tilt:hints total=9 token_gate=1 within_gate=5 word_gate=2", "within_gate", 5),
        ("[rank0]: seed:5", "seed", 5),
        ("1776142348.094 train_shards: 128", "train_shards", 128),
        ("2026-04-12 10:11:12,123 - INFO - seed: 9", "seed", 9),
        ("\x1b[32mseed: 3", "seed", 3),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_a_stated_number_is_read_with_its_line(line: str, name: str, value: int) -> None:
    """Whatever a launcher puts before it."""
    stated = read("first line", line).last(name)
    assert stated is not None
    assert (stated.value, stated.quote.line) == (value, 2)


@pytest.mark.parametrize(
    ("line", "phase", "seconds"),
    [
        ("GPTQ:collected 67 Hessians in 4.9s", Phase.HESSIANS, 4.9),
        ("gptq:calibrated 68 layers in 3.5s", Phase.HESSIANS, 3.5),
        ("gptq:generated 64 sequences in 196.7s", Phase.GENERATION, 196.7),
        ("gptq:done in 248.0s", Phase.QUANTISATION, 248.0),
        ("Serialize: per-group compression done in 97.8s", Phase.COMPRESSION, 97.8),
        ("Deserialize: decompression done in 18.2s", Phase.DECOMPRESSION, 18.2),
        ("ttt_lora:compile warmup done (88.8s)", Phase.WARMUP, 88.8),
        ("ngram_tilt:precompute_done elapsed=146.63s total=1", Phase.PRECOMPUTATION, 146.63),
        ("prequant_ttt:done in 378.1s (8 gpus)", Phase.ADAPTATION, 378.1),
        ("total_eval_time:455.1s", Phase.SCORING, 455.1),
    ],
)
def test_stated_work_is_timed(line: str, phase: Phase, seconds: float) -> None:
    """What a log says it did, and how long."""
    assert [(work.phase, work.seconds) for work in read(line).works] == [(phase, seconds)]


def test_the_end_of_training_is_the_early_stop_else_the_last_step() -> None:
    """Its own clock in seconds, the step, and how many were asked for."""
    steps = [
        "step:0/200 val_bpb:4.1000 train_time:0ms",
        "step:200/200 val_bpb:1.2 train_time:5000ms",
    ]
    ran = read(*steps).stop
    stopped = read(
        steps[0], "stopping_early: wallclock_cap train_time: 599433ms step: 150/200"
    ).stop
    assert ran is not None
    assert (ran.seconds, ran.step, ran.asked, ran.early) == (5.0, 200, 200, False)
    assert stopped is not None
    assert (stopped.seconds, stopped.step, stopped.early) == (599.433, 150, True)


def test_devices_versions_and_data_are_read() -> None:
    """The machine as its driver printed it."""
    log = read(
        "Running Python 3.12.13 (main, Mar 10 2026)",
        "Running PyTorch 2.10.0+cu128",
        "| NVIDIA-SMI 570.211.01     Driver Version: 570.211.01     CUDA Version: 12.8     |",
        "|   0  NVIDIA H100 80GB HBM3          On  |   00000000:04:00.0 Off |",
        "|   1  NVIDIA H100 80GB HBM3          On  |   00000000:05:00.0 Off |",
        "|    0   N/A  N/A           50661      C   .../bin/python3       1510MiB |",
        "val_bpb:enabled tokenizer_path=./data/fineweb_1024_bpe.model",
        "gptq:collecting hessians from autoregressive data...",
    )
    assert log.gpus == ("NVIDIA H100 80GB HBM3",) * 2
    assert log.gpus_at is not None
    assert log.gpus_at.line == 4
    assert {name: said for name, (said, _) in log.texts.items()} == {
        "python": "3.12.13",
        "torch": "2.10.0+cu128",
        "cuda": "12.8",
        "tokenizer": "./data/fineweb_1024_bpe.model",
        "calibration": "autoregressive data",
    }


@pytest.mark.parametrize(
    ("before", "first"),
    [
        ([], 1),
        (["W0426 torch/distributed/run.py:803]", "*****"], 3),
        ([RULE, "Hyperparameters:", "  seed: 1", RULE, "Source code:", RULE], 7),
    ],
    ids=["first in the log", "after a launcher's words", "after the settings"],
)
def test_an_embedded_source_is_found_byte_for_byte(before: list[str], first: int) -> None:
    """Its range is the script's bytes, and nothing printed in it is taken for the log's."""
    content = "\n".join([*before, SOURCE, RULE, "Running Python 3.12", "seed:1", ""]).encode()
    log = read_log(content)
    assert [content[source.begin : source.end] for source in log.embedded] == [SOURCE.encode()]
    source = log.embedded[0]
    assert (source.size, source.first_line, source.whole) == (len(SOURCE), first, True)
    assert source.last_line == first + SOURCE.count("\n") - 1
    assert log.scores == ()
    seed = log.stated["seed"][-1]
    assert content.split(b"\n")[seed.quote.line - 1].strip() in (b"seed:1", b"seed: 1")


def test_two_runs_in_one_log_are_told_apart() -> None:
    """By their embedded sources; the last one's numbers stand."""
    first = [SOURCE, RULE, "Code size: 10 bytes", "final_x val_loss:2.0 val_bpb:1.3000"]
    second = [SOURCE, RULE, "Code size: 20 bytes", "final_x val_loss:2.0 val_bpb:1.2000"]
    log = read(*first, *second)
    assert len(log.embedded) == 2
    assert log.runs == (1, 10)
    assert log.last("code_bytes") is not None
    assert log.last("code_bytes").value == 20  # type: ignore[union-attr]
    assert log.final is not None
    assert log.final.bpb == 1.2


def test_a_source_without_its_beginning_is_not_whole() -> None:
    """Another capture was written over it."""
    log = read(
        "step:1/2 train_time:5ms", "  x = 1\nclass A:\n    pass\n\ndef b():\n    pass\n", RULE
    )
    assert [source.whole for source in log.embedded] == [False]


def test_resumed_and_scoring_only_runs_are_said() -> None:
    """Both by the line that says so."""
    log = read(
        "Resuming from checkpoint: ./ckpt_step30000.pt", "TTT_EVAL_ONLY=1 - skipping training"
    )
    assert log.resumed is not None
    assert log.resumed.line == 1
    assert log.eval_only is not None
    assert log.eval_only.line == 2


_PIECES = st.sampled_from(
    [
        *(
            "val_bpb:1.2",
            "val_loss:2.0 ",
            "step:5/9 ",
            "seed:",
            "train_time:7ms ",
            "\r",
            "\n",
            "\0",
        ),
        *("stopping_early: ", "Code size: 9 bytes", RULE, '"""', "import os", "\ndef x():", "\n"),
        *("|   0  NVIDIA H100   On |", "elapsed=1.5s", "\x1b[31m", "[rank0]: ", "é", "9" * 50),
        *("total_docs:", "Source code:\n", "Resuming from step", "budget:1/2", "\ufffd", " "),
    ]
)


@given(st.lists(_PIECES | st.text(max_size=8), max_size=40))
def test_no_text_makes_it_raise(pieces: list[str]) -> None:
    """Lines stay within the file, sources within its bytes, and texts are short."""
    content = "".join(pieces).encode("utf-8", "replace")
    log = read_log(content)
    for score in log.scores:
        assert 1 <= score.quote.line <= log.line_count
        assert len(score.quote.text) <= 200
    for source in log.embedded:
        assert 0 <= source.begin <= source.end <= len(content)
    for numbers in log.stated.values():
        assert all(1 <= number.quote.line <= log.line_count for number in numbers)


@given(st.binary(max_size=400))
def test_no_bytes_make_it_raise(content: bytes) -> None:
    """Not even those that are no text."""
    read_log(content)


@given(st.integers(0, 30), st.sampled_from(["\n", "x\n", "step:1/2 train_loss:3.0\n", "\r\n"]))
def test_a_line_is_counted_by_the_newlines_before_it(count: int, line: str) -> None:
    """Whatever stands before it."""
    log = read_log((line * count + "final_x val_loss:2.0 val_bpb:1.25\n").encode())
    assert log.final is not None
    assert log.final.quote.line == count + 1


@pytest.mark.parametrize(
    "line",
    [
        b"val_bpb:1.2 " * 200_000,
        b"x" * 4_000_000,
        b"step:1/2 val_bpb:1.2 train_time:5ms\n" * 60_000,
        b"a=b:" * 500_000 + b" val_bpb:1.2",
        b"seed " * 400_000,
        b"\n" * 3_000_000,
        b'"""\n' * 500_000,
        (b"=" * 100 + b"\n") * 20_000,
        b"import os\ndef a():\n" * 100_000,
        b"[rank0]: " * 300_000 + b"bpb",
        b"world_size" * 200_000,
    ],
    ids=range(11),
)
def test_hostile_logs_cost_no_more_than_their_length(line: bytes) -> None:
    """Megabytes of what the patterns look for, in about a second."""
    begun = time.process_time()
    log = read_log(line)
    assert time.process_time() - begun < 3
    assert len(log.scores) <= 80_000


def test_a_log_beyond_the_bound_is_read_at_both_ends() -> None:
    """The final score of a very long log is not lost."""
    log = read_log(b"seed:5\n" + b"x" * 79 + b"\n" + b"y" * 9_000_000 + b"\nfinal_x val_bpb:1.25\n")
    assert log.truncated
    assert log.last("seed") is not None
    assert log.final is not None
    assert log.final.quote.line == 4
