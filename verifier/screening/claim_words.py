"""Under which keys do submissions say what they claim? The words, in order of trust; no behaviour.

Gathered over every submission.json of the competition's history. The first key that is there and
holds a usable value is the claim; the order puts the mean of all seeds before the best one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "submission_name", "run_name", "title"),
    "author": ("author", "authors", "author_name", "submitter", "username"),
    "github_id": ("github_id", "github", "github_username", "github_user", "author_github"),
    "date": ("date", "submission_date", "created", "timestamp"),
    "track": ("track", "submission_type", "category"),
    "hardware": (
        *("hardware", "gpu", "platform", "gpu_config", "training_hardware", "gpus", "gpu_type"),
        *("hardware_used", "hardware_tested", "hardware_evidence", "hardware_note"),
    ),
}

NUMBERS: Mapping[str, tuple[str, ...]] = {
    "val_bpb": (
        *("val_bpb", "mean_val_bpb", "val_bpb_mean", "val_bpb_3seed_mean", "val_bpb_mean_3seed"),
        *("three_seed_mean_bpb", "mean_bpb", "bpb", "score_bpb_mean", "mean_sliding_bpb"),
        *("val_bpb_ttt", "average_ttt_bpb", "final_validation_bpb", "validation_bpb"),
        *("val_bpb_sliding_window", "final_bpb", "best_val_bpb", "val_bpb_best"),
        *("roundtrip_val_bpb", "score"),
    ),
    "val_loss": (
        *("val_loss", "mean_val_loss", "val_loss_mean", "val_loss_nats_mean"),
        *("three_seed_mean_loss", "val_loss_nats", "val_loss_3seed_mean"),
    ),
    "bpb_std": (
        *("val_bpb_std", "std_val_bpb", "val_bpb_3seed_std", "val_bpb_std_3seed", "std_bpb"),
        *("three_seed_std_bpb", "seed_std_val_bpb", "stdev_val_bpb", "score_bpb_std", "std"),
    ),
    "total_bytes": (
        *("bytes_total", "artifact_bytes", "total_bytes", "artifact_size_bytes"),
        *("artifact_bytes_max", "bytes_total_max", "total_submission_bytes"),
        *("total_submission_bytes_max", "total_artifact_bytes", "max_artifact_bytes"),
        *("submission_size_bytes", "total_submission_size_bytes", "artifact_size"),
        *("submission_size_int8_zlib_bytes", "three_seed_max_total_bytes"),
        *("artifact_bytes_mean", "total_submission_bytes_mean"),
    ),
    "model_bytes": (
        *("bytes_model", "model_bytes", "bytes_model_compressed", "model_size_bytes"),
        *("compressed_model_bytes", "quantized_model_bytes", "quant_payload_bytes"),
        *("bytes_model_int8_zlib", "bytes_model_int6_zstd", "bytes_model_int6_lzma"),
        *("bytes_model_int6_brotli", "bytes_model_quantized_brotli", "bytes_model_int6_zlib"),
    ),
    "code_bytes": (
        *("bytes_code", "code_bytes", "code_size_bytes", "wrapped_code_bytes"),
        *("code_compressed_bytes", "bytes_code_compressed", "code_wrapper_bytes"),
    ),
    "train_seconds": (
        *("train_time_seconds", "training_time_seconds", "training_seconds", "training_time_s"),
        *("train_time_s_mean", "train_time_s", "train_time_seconds_max", "wallclock_seconds"),
        *("train_time_ms", "training_time_ms", "train_wallclock_ms_max"),
    ),
    "score_seconds": (
        *("eval_time_seconds", "eval_time_s_mean", "eval_time_s", "eval_time_seconds_max"),
        *("eval_time_s_max", "eval_time_ms", "ttt_time_seconds"),
    ),
}

MODEL_BYTES_PREFIX = "bytes_model_"

VERSIONS = frozenset(
    {
        *("pytorch_version", "torch_version", "pytorch", "torch", "cuda_version", "cuda"),
        *("python_version", "python", "flash_attn_version", "triton_version"),
    }
)

NESTED = ("results", "result", "metrics", "final_results", "headline_results")
"""Objects in which the whole claim may stand when the top of the file has none."""

SEED_KEY = re.compile(r"(?:seed|s)?[_\- ]?([0-9]{1,10})\Z", re.IGNORECASE)
"""How a seed is written as a key: 42, seed_42, seed42."""

SEED_ENDING = re.compile(r"(.*?)_?seed_?([0-9]{1,10})\Z", re.IGNORECASE)
"""How a seed ends another key: val_bpb_seed42."""

NOT_A_CLAIM = re.compile(
    r"retract|pre_fix|supersed|diagnos|additional|sweep|pending|planned|invalid|ablat|base|"
    r"reference|original|compar|baseline|delta|gain|expected|project|predict|target|neural_only",
    re.IGNORECASE,
)
"""What a table is named that holds other numbers than those claimed."""

ROW_BPB = (
    *("val_bpb_exact", "val_bpb", "post_ttt_val_bpb", "post_ttt_bpb", "ttt_val_bpb", "ttt_bpb"),
    *("final_val_bpb", "final_bpb", "bpb", "score", "ppm_mixer_val_bpb", "val_bpb_post_quant"),
    *("sliding_val_bpb", "sliding_window_bpb", "sliding_bpb", "xsa_bpb", "quantized_val_bpb"),
)
ROW_LOSS = ("val_loss", "final_val_loss", "ttt_val_loss", "post_ttt_val_loss", "loss")
ROW_BYTES = (
    *("artifact_bytes", "bytes_total", "total_bytes", "artifact_size_bytes"),
    *("total_submission_bytes", "submission_bytes", "bytes"),
)
ROW_STEPS = ("steps", "step_stop", "stop_step", "train_steps", "training_steps")
