"""Which settings make a script small, and what is changed when they do not fit."""

from __future__ import annotations

import textwrap

import pytest

from verifier.shadow.reads import read_values
from verifier.shadow.retry import TRIES, next_toy, shorter
from verifier.shadow.sizes import COMPETITION_TOKENS, Scale, resized
from verifier.shadow.toy import HELDOUT_TOKENS, Toy, find_toy
from verifier.source import Program, Tree, read_program

TRAINER = """
import os


class Hyperparameters:
    vocab_size = int(os.environ.get("VOCAB_SIZE", 1024))
    num_layers = int(os.environ.get("NUM_LAYERS", 11))
    model_dim = int(os.environ.get("MODEL_DIM", 512))
    num_heads = int(os.environ.get("NUM_HEADS", 8))
    num_kv_heads = int(os.environ.get("NUM_KV_HEADS", 4))
    iterations = int(os.environ.get("ITERATIONS", 20000))
    train_seq_len = int(os.environ.get("TRAIN_SEQ_LEN", 2048))
    train_batch_tokens = int(os.environ.get("TRAIN_BATCH_TOKENS", 786432))
    ve_layers = os.environ.get("VE_LAYERS", "9,10")
    xsa_last_n = int(os.environ.get("XSA_LAST_N", 4))
    loop_start = int(os.environ.get("LOOP_START", 3))
    loop_end = int(os.environ.get("LOOP_END", 5))
    ttt_enabled = bool(int(os.environ.get("TTT_ENABLED", "1")))
    ttt_chunk_tokens = int(os.environ.get("TTT_CHUNK_TOKENS", 32768))
    ttt_epochs = int(os.environ.get("TTT_EPOCHS", 3))
    ngram_buckets = int(os.environ.get("NGRAM_BUCKETS", 4194304))
    val_loss_every = int(os.environ.get("VAL_LOSS_EVERY", 4000))
    lr = float(os.environ.get("MATRIX_LR", 0.02))
"""


def program(text: str = TRAINER, **files: str) -> Program:
    named = {name.replace("__", "."): each.encode() for name, each in files.items()}
    made = read_program(Tree(files={"train_gpt.py": textwrap.dedent(text).encode(), **named}))
    assert made is not None
    return made


def toy(text: str = TRAINER, **files: str) -> Toy:
    return find_toy(program(text, **files))


def test_the_parts_of_a_small_model_fit_each_other() -> None:
    """Promise: heads divide the width, key heads the heads, and every layer named exists."""
    made = toy().environment
    width, heads, kv_heads = (int(made[n]) for n in ("MODEL_DIM", "NUM_HEADS", "NUM_KV_HEADS"))
    layers = int(made["NUM_LAYERS"])
    assert width % heads == 0
    assert heads % kv_heads == 0
    assert all(int(each) < layers for each in made["VE_LAYERS"].split(","))
    assert 0 <= int(made["LOOP_START"]) <= int(made["LOOP_END"]) < layers
    assert 1 <= int(made["XSA_LAST_N"]) < layers


def test_a_hashed_table_is_filled_as_much_as_the_documented_one() -> None:
    """Promise: tokens a bucket stay within a factor of two; a table left large shows nothing."""
    made = toy()
    buckets = int(made.environment["NGRAM_BUCKETS"])
    ratio = (HELDOUT_TOKENS / buckets) / (COMPETITION_TOKENS / 4_194_304)
    assert buckets & (buckets - 1) == 0
    assert 0.5 <= ratio <= 2


def test_what_is_switched_on_stays_on() -> None:
    """Promise: a run with adaptation off proves nothing about it; epochs stay as documented."""
    made = toy()
    assert "TTT_ENABLED" in made.kept
    assert "TTT_ENABLED" not in made.environment
    assert "TTT_EPOCHS" not in made.environment
    assert float(made.environment["MATRIX_LR"]) < 0.001


def test_what_only_the_logs_say_is_on_is_on() -> None:
    """Promise: the run that made the record is the one that is played, less its machine."""
    text = """
    import os

    class Hyperparameters:
        case_ops = bool(int(os.environ.get("CASE_OPS", "0")))
        data_path = os.environ.get("DATA_PATH", "data")
        ttt_lr = float(os.environ.get("TTT_LR", 0.1))

    args = Hyperparameters()
    for name in ("case_ops", "data_path", "ttt_lr"):
        print(f"  {name}: {getattr(args, name)}")
    """
    rows = {"case_ops": "True", "data_path": "/workspace/x", "ttt_lr": "0.25"}
    rows |= {f"other_{index}": "1" for index in range(20)}
    log = "start\n" + "".join(f"  {name}: {value}\n" for name, value in rows.items())
    made = toy(text, train__log=log)
    assert dict(made.environment) == {"CASE_OPS": "1", "TTT_LR": "0.25"}
    assert made.kept == ("CASE_OPS",)
    assert made.scaled == {}


def test_what_is_switched_off_is_said() -> None:
    """Promise: nobody takes a run without the cache for a word about the cache."""
    made = toy('import os\nA = bool(int(os.environ.get("NGRAM_ENABLED", "0")))\n')
    assert (made.off, made.kept) == (("NGRAM_ENABLED",), ())


def test_what_is_on_only_with_several_processes_gets_two() -> None:
    """Promise: one process would call such a cache clean."""
    text = 'world_size = 1\ndefault = "1" if world_size > 1 else "0"\n'
    assert toy(text).ranks == 2
    assert toy("world_size = 1\nscale = 2.0 if world_size > 1 else 1.0\n").ranks == 1


def test_a_kernel_that_calculates_what_plain_code_does_is_left_out() -> None:
    """Promise: one row at a time through an interpreter takes minutes and shows nothing else."""
    made = toy('import os\nF = bool(int(os.environ.get("FUSED_CE_ENABLED", "1")))\n')
    assert made.environment == {"FUSED_CE_ENABLED": "0"}
    assert made.kept == ()


def test_the_command_of_the_readme_is_what_is_made_small() -> None:
    """Promise: a value of the launch command goes before the text's default."""
    readme = "```bash\nNUM_LAYERS=3 TTT_EPOCHS=30 torchrun --nproc_per_node=8 train_gpt.py\n```\n"
    made = toy(README__md=readme)
    assert "NUM_LAYERS" not in made.environment
    assert made.scaled["TTT_EPOCHS"].before in (30, "30")


def test_a_number_that_a_command_leaves_empty_is_the_texts_own() -> None:
    """Promise: a loop over seeds in the README does not keep the script from starting."""
    readme = "```bash\nSEED= torchrun --nproc_per_node=8 train_gpt.py\n```\n"
    text = 'import os\nSEED = int(os.environ.get("SEED", 1337))\n'
    assert toy(text, README__md=readme).environment == {"SEED": "1337"}


def test_a_variable_that_only_a_function_reads_is_found() -> None:
    """Promise: tables of an evaluation are often sized where it begins."""
    text = """
    import os
    _E = lambda name, default: int(os.environ.get(name, default))

    def evaluate():
        buckets = int(os.environ.get("NGRAM_BUCKETS", "4194304"))
        chunk = _E("NGRAM_CHUNK_TOKENS", 1000000)
        return buckets, chunk

    evaluate()
    """
    made = toy(text)
    assert made.environment["NGRAM_BUCKETS"] == "512"
    assert made.environment["NGRAM_CHUNK_TOKENS"] == "1024"


@pytest.mark.parametrize(
    "written", ["4_194_304", "1 << 22", "2 ** 22", "np.zeros(4194304)", "4_194_304 - 1"]
)
def test_a_table_that_nothing_sets_from_outside_is_named_with_its_size(written: str) -> None:
    """Promise: its load factor is kept in a copy of the text, and the change is shown."""
    made = toy(f"import numpy as np\nNGRAM_BUCKETS = {written}\n")
    ((constant, size),) = made.constants
    assert (constant.line, constant.value, size) == (2, 4_194_304, 512)
    assert made.scaled[f"train_gpt.py:2:{constant.column}"].after == 512


def test_text_that_calibration_makes_up_is_little() -> None:
    """Promise: the sizes of its calls and defaults are scaled; those of other functions are not."""
    made = toy("""
    def make(model, num_seqs=64): ...
    def collect_hessians_ar(model, num_seqs=64, temperature=1): ...
    collect_hessians_ar(None, num_seqs=32, seq_len=2048)
    """)
    assert sorted((each.line, each.value, size) for each, size in made.constants) == [
        (3, 64, 8),
        (4, 32, 8),
        (4, 2048, 128),
    ]


def test_an_average_of_weights_over_hundreds_of_steps_becomes_one_over_few() -> None:
    """Promise: after three steps the model is not still what it was at the start."""
    text = "def main():\n    ema_decay = 0.997\n    decay = 0.997\n    ema_decay = 0.5\n"
    assert [(each.line, size) for each, size in toy(text).constants] == [(2, 0.5)]
    assert toy("import os\nD = float(os.environ.get('EMA_DECAY', 0.997))\n").constants == ()


def test_a_schedule_of_lengths_keeps_its_parts() -> None:
    """Promise: lengths keep their ratio to the longest."""
    text = 'import os\nL = int(os.environ.get("TRAIN_SEQ_LEN", 2048))\n'
    text += 'S = os.environ.get("TRAIN_SEQ_SCHEDULE", "1000@0.1,2048@1.0")\n'
    assert toy(text).environment["TRAIN_SEQ_SCHEDULE"] == "32@0.1,128@1.0"


def test_a_chunk_in_the_text_leaves_several_of_them() -> None:
    """What a script learns from a chunk shows in the next one alone."""
    text = (
        "class Hyperparameters:\n"
        "    chunk_size = 65536\n"
        "def scored(stride=64, ttt_chunk_tokens=131_072, chunk_size=256):\n"
        "    return scored(ttt_chunk_tokens=32768)\n"
    )
    made = toy(text)
    assert sorted((each.line, size) for each, size in made.constants) == [
        (2, 1024),
        (3, 1024),
        (4, 1024),
    ]
    assert "chunk_size" not in made.unset
    assert toy("import os\nCHUNK_SIZE = int(os.environ.get('CHUNK_SIZE', 65536))\n").constants == ()


def test_a_mask_stays_a_mask() -> None:
    """Promise: one less than a power of two becomes one less than a power of two."""
    ((_, size),) = toy("mask = 0x3FFFFF\n").constants
    assert size == 511


@pytest.mark.parametrize("text", ["batch_tokens = 4194304\n", "buckets = 4096\n", "BUCKETS = 5\n"])
def test_other_numbers_of_a_text_are_left_alone(text: str) -> None:
    """Promise: only sizes of large tables are scaled."""
    assert toy(text).constants == ()


def test_a_size_that_is_a_constant_is_said_to_be_one() -> None:
    """Promise: what could not be made small is named."""
    made = toy("class Hyperparameters:\n    train_seq_len = 2048\n    num_layers = 11\n")
    assert made.unset == ("num_layers", "train_seq_len")
    assert made.environment == {}


def test_layers_keep_their_names_where_their_number_cannot_be_set() -> None:
    """Promise: a list of layers is scaled only together with the layers."""
    made = toy('import os\nVE = os.environ.get("VE_LAYERS", "9,10")\n')
    assert "VE_LAYERS" not in made.environment


def test_a_vocabulary_is_the_scripts_own_where_it_cannot_be_set() -> None:
    """Promise: 2,048 pieces where that can be told, else what the text says."""
    assert toy('import os\nV = int(os.environ.get("VOCAB_SIZE", 8192))\n').vocabulary == 2048
    assert toy("vocab_size = 8192\n").vocabulary == 8192


def test_sizes_among_the_arguments_are_made_small() -> None:
    """Promise: both spellings of an option."""
    readme = "```\npython train_gpt.py --iterations 20000 --seq-len=2048 --seed 42\n```\n"
    made = toy(README__md=readme)
    assert made.arguments == ("--iterations", "3", "--seq-len=128", "--seed", "42")


def test_bytes_beside_the_held_out_shards_are_asked_for_only_where_they_are_read() -> None:
    """Promise: another script would take them for held-out tokens."""
    assert not toy().sidecar
    assert toy('files = "data/fineweb_val_bytes_*.bin"\n').sidecar


def test_shards_that_a_command_names_are_told_without_their_folder() -> None:
    """Promise: a run that trained on held-out shards is played on the toy's."""
    readme = "```bash\nTRAIN_FILES=d/fineweb_val_*.bin torchrun train_gpt.py\n```\n"
    assert toy(README__md=readme).shards == {"TRAIN_FILES": "fineweb_val_*.bin"}


def test_the_names_under_which_a_script_expects_its_data_are_told() -> None:
    """Promise: a script that looks for a folder of its own finds the toy's data there."""
    made = toy('a = "d/fineweb10B_sp8192_x"\nb = f"fineweb10B_sp{1}", "fineweb_8192_y.model"\n')
    assert made.datasets == ("fineweb10B_sp8192_x",)
    assert made.tokenizers == ("fineweb_8192_y.model",)


@pytest.mark.parametrize(
    ("name", "value", "becomes"),
    [
        ("EVAL_STRIDE", 64, 64),
        ("EVAL_STRIDE", 1536, 64),
        ("EVAL_SEQ_LEN", 0, 0),
        ("TTT_CHUNK_SIZE", 48, 32),
        ("TTT_CHUNK_SIZE", 32768, 1024),
        ("TTT_BATCH_SIZE", 64, 8),
        ("GLOBAL_TTT_BATCH_SEQS", 32, 8),
        ("WARMUP_STEPS", 0, 0),
        ("PHASED_TTT_PREFIX_DOCS", 2000, 3),
        ("PPM_SUBSET_TOKENS", 8_000_000, 1057),
        ("GPTQ_CALIBRATION_BATCHES", 64, 2),
        ("MLP_MULT", 3, 3),
        ("SEED", 1337, 1337),
        ("TTT_EPOCHS", 50, 12),
    ],
)
def test_a_size_becomes_what_its_name_says_it_counts(name: str, value: int, becomes: int) -> None:
    """Promise: ratios are kept, what is off stays off, and unknown names are left alone."""
    assert resized(name, value, Scale()) == becomes


def test_layers_keep_their_order_when_there_are_fewer() -> None:
    """Promise: the first stays the first, the last the last, none goes beyond."""
    scale = Scale(layers=4, layers_before=11)
    made = [scale.layer(index) for index in range(11)]
    assert made == sorted(made)
    assert (made[0], made[-1]) == (0, 3)
    assert [scale.count(each) for each in (0, 1, 4, 11)] == [0, 1, 1, 4]


@pytest.mark.parametrize(
    ("said", "name", "value"),
    [
        ("ValueError: NGRAM_EVAL_BUCKETS must be >=1024, got 512", "NGRAM_BUCKETS", "1024"),
        ("ValueError: BUCKETS must be a power of two >= 4_096, got 512", "NGRAM_BUCKETS", "4096"),
        ("ZeroDivisionError: integer modulo by zero", "VAL_LOSS_EVERY", "1000000"),
        ("RuntimeError: model_dim must be divisible by num_heads", "MODEL_DIM", "128"),
        ("IndexError: list index out of range", "NUM_LAYERS", None),
    ],
)
def test_a_known_complaint_changes_one_thing(said: str, name: str, value: str | None) -> None:
    """Promise: the script's own assertion says what to try next."""
    text = program()
    made = next_toy(text, find_toy(text), f"Traceback …\n{said}\n", 1)
    assert made is not None
    assert made.environment.get(name) == value


def test_a_script_that_reads_too_short_a_stream_gets_a_longer_one() -> None:
    """Promise: the stream is doubled, its windows stay."""
    text = program()
    made = next_toy(text, find_toy(text), "ValueError: Validation split is too short for 128", 1)
    assert made is not None
    assert made.heldout_tokens == 2 * HELDOUT_TOKENS - 1


def test_a_failure_nobody_knows_is_not_tried_again() -> None:
    """Promise: bounded; ImportError has nothing to do with size, and the third try is the last."""
    text = program()
    first = find_toy(text)
    assert next_toy(text, first, "ModuleNotFoundError: No module named 'fla'", 1) is None
    assert next_toy(text, first, "IndexError: list index out of range", TRIES) is None
    assert shorter(text, first, TRIES) is None


def test_a_run_that_takes_too_long_is_made_smaller() -> None:
    """Promise: fewer layers and tokens, until there is nothing to take away."""
    text = program()
    made = shorter(text, find_toy(text), 1)
    assert made is not None
    assert int(made.environment["NUM_LAYERS"]) == 2
    assert made.heldout_tokens < HELDOUT_TOKENS


def test_values_are_unknown_only_where_no_text_tells_them() -> None:
    """Promise: the first known default of a variable counts."""
    values = read_values(program('import os\nA = os.environ["ITERATIONS"]\n'))
    assert set(values) == {"ITERATIONS"}
