"""Are claims, logs, READMEs and code compared with what they are of, and with nothing else?"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.screening.evidence.cases import fired
from tests.screening.evidence.submissions import (
    BPBS,
    FOLDER,
    SCRIPT,
    changed_claim,
    changed_logs,
    claim,
    evidence,
    files,
    log,
    loss_of,
    remarks,
    rules,
)
from verifier.screening import Confidence, Location, Remark
from verifier.screening.evidence import check, claimed_seeds, read_evidence
from verifier.screening.evidence.code import changed_lines
from verifier.screening.evidence.gathering import Script
from verifier.screening.evidence.needs import imports_of
from verifier.screening.evidence.saying import MOST_PLACES, merged
from verifier.screening.evidence.tables import files_named, lines_of, rows_of
from verifier.source import Tree
from verifier.source.packing import packed_bytes

NON_RECORD = "records/track_non_record_16mb/2026-04-01_Study"


def said(rule: str, found: list[Remark]) -> list[Remark]:
    """The remarks of one rule."""
    return [remark for remark in found if remark.rule == rule]


# ---------------------------------------------------------------- how strongly


def test_a_refused_clock_is_a_violation_and_a_close_one_is_not() -> None:
    """601.15 s was refused; merged logs overshoot by 0.13 s; between them a person looks."""
    for milliseconds, confidence in (
        (600_130, None),
        (600_700, Confidence.REVIEW),
        (601_150, Confidence.VIOLATION),
    ):
        stop = f"stopping_early: wallclock_cap train_time:{milliseconds}ms step:13001/20000"
        found = said("train-over-limit", remarks(files(train_seed1__log=log(1, stop=stop))))
        assert [remark.confidence for remark in found] == ([confidence] if confidence else [])


def test_a_limit_passed_on_fewer_gpus_or_outside_the_record_track_is_a_note() -> None:
    """Two GPUs for 2,400 s are eight for 600 s; a study may take its time."""
    stop = "stopping_early: wallclock_cap train_time:2400107ms step:13001/20000"
    slow = {"stop": stop, "world": "world_size:2 grad_accum_steps:4"}
    on_two = said("train-over-limit", remarks(files(train_seed1__log=log(1, **slow))))
    study = said("train-over-limit", remarks(files(train_seed1__log=log(1, stop=stop)), NON_RECORD))
    assert [remark.confidence for remark in on_two + study] == [Confidence.NOTE] * 2


def test_a_total_over_the_cap_is_certain_only_where_packing_cannot_help() -> None:
    """A raw count that packed code would bring under the cap asks for a person."""
    model, total = 15_990_000, 15_990_000 + len(SCRIPT) + 60_000
    shipped = SCRIPT + "x = 1\n" * 10_000
    lines = {
        "code": f"Code size: {len(shipped)} bytes",
        "model": f"Serialized model int8+zlib: {model} bytes",
        "total": f"Total submission size int8+zlib: {total} bytes",
    }
    found = said(
        "size-over-cap", remarks(files(train_gpt__py=shipped, train_seed1__log=log(1, **lines)))
    )
    assert [remark.confidence for remark in found] == [Confidence.NOTE]
    assert fired("size-over-cap")[0].confidence is Confidence.VIOLATION


def test_what_fits_packed_is_no_finding_and_what_may_not_asks_for_a_person() -> None:
    """The cap is for packed code; near it another packer may be shorter, far from it none is."""
    shipped = SCRIPT + "".join(f"x{number} = {number**5}\n" for number in range(4_000))
    packed = packed_bytes(shipped.encode())
    for model, confidence in (
        (16_000_000 - packed, Confidence.NOTE),
        (16_000_000 - packed * 98 // 100, Confidence.NOTE),
        (16_000_000 - packed * 80 // 100, Confidence.REVIEW),
    ):
        lines = {
            "code": f"Code size: {len(shipped)} bytes",
            "model": f"Serialized model int8+zlib: {model} bytes",
            "total": f"Total submission size int8+zlib: {model + len(shipped)} bytes",
        }
        changed = files(train_gpt__py=shipped, train_seed1__log=log(1, **lines))
        found = said("size-over-cap", remarks(changed))
        assert [remark.confidence for remark in found] == [confidence]


def test_what_is_neither_code_nor_model_stays_however_the_code_is_packed() -> None:
    """A prefix of held-out tokens is counted in the total alone; packing the script hides none."""
    shipped = SCRIPT + "x = 1\n" * 10_000
    packed, model = packed_bytes(shipped.encode()), 15_200_000
    room = 16_000_000 - model - packed
    for prefix, code, confidence in (
        (room, True, Confidence.NOTE),
        (room + packed, True, Confidence.REVIEW),
        (room + packed, False, Confidence.NOTE),
    ):
        lines = {
            "code": f"Code size: {len(shipped)} bytes" if code else "",
            "model": f"Serialized model int8+zlib: {model} bytes",
            "total": f"Total submission size int8+zlib: {model + len(shipped) + prefix} bytes",
        }
        changed = files(train_gpt__py=shipped, train_seed1__log=log(1, **lines))
        (found,) = said("size-over-cap", remarks(changed))
        assert found.confidence is confidence, prefix
        assert (f"{prefix} bytes of its total are neither" in found.said) is code


def test_a_total_of_another_model_holds_nothing_but_that_model() -> None:
    """int8 and zlib are weighed first, with a total; then brotli, which is shipped, with none."""
    lines = {
        "code": f"Code size: {len(SCRIPT)} bytes",
        "model": "Serialized model int8+zlib: 24000000 bytes",
        "total": f"Total submission size int8+zlib: {24_000_000 + len(SCRIPT)} bytes\n"
        "Serialized model int6+brotli: 15900000 bytes",
    }
    (found,) = said("size-over-cap", remarks(files(train_seed1__log=log(1, **lines))))
    assert found.confidence is Confidence.NOTE
    assert "neither" not in found.said


def test_a_log_that_nothing_submits_breaks_no_rule_for_certain() -> None:
    """No folder under records/, no claim: somebody's run is over the limit, and a person looks."""
    stop = "stopping_early: wallclock_cap train_time:601669ms step:13001/20000"
    loose = files(submission__json=None, train_seed1__log=log(1, stop=stop))
    nested = {**loose, "adapters/out/submission.json": json.dumps(claim()).encode()}
    for contents in (loose, nested):
        found = said("train-over-limit", remarks(contents, ""))
        assert [remark.confidence for remark in found] == [Confidence.REVIEW]
        assert said("folder-not-under-records", remarks(contents, ""))
        assert not said("folder-not-under-records", remarks(contents, FOLDER))
    assert not said("folder-not-under-records", remarks(files(), ""))
    inside = {f"2026-03-19_Other/{path}": content for path, content in loose.items()}
    found = said("train-over-limit", remarks(inside, "records/track_10min_16mb"))
    assert [remark.confidence for remark in found] == [Confidence.REVIEW]


def test_a_claim_that_no_log_reaches_asks_for_a_person_only_if_it_is_better() -> None:
    """A worse claim than the logs' is odd and buys nothing."""
    better = said("claim-differs-from-logs", remarks(changed_claim(val_bpb=1.1)))
    worse = said("claim-differs-from-logs", remarks(changed_claim(val_bpb=1.31234)))
    assert [remark.confidence for remark in better + worse] == [Confidence.REVIEW, Confidence.NOTE]


def test_a_claim_without_logs_is_held_to_its_own_arithmetic() -> None:
    """Loss and score imply bytes per token; many more than the tokenizer gives ask for a look."""
    known = SCRIPT.replace(
        "import torch", "TOKENIZER_PATH = 'data/fineweb_1024_bpe.model'\nimport torch"
    )
    for loss, confidence in (
        (loss_of(1.20040506), None),
        (loss_of(1.20040506) * 1.17, Confidence.REVIEW),
        (loss_of(1.20040506) * 1.005, Confidence.NOTE),
        (loss_of(1.20040506) * 0.8, Confidence.NOTE),
    ):
        claimed = json.dumps(claim(val_loss=round(loss, 8)))
        silent = {f"train_seed{seed}__log": None for seed in BPBS}
        contents = files(submission__json=claimed, train_gpt__py=known, **silent)
        found = said("bytes-per-token-differ", remarks(contents))
        assert [remark.confidence for remark in found] == ([confidence] if confidence else [])
        unknown = files(submission__json=claimed, **silent)
        assert not said("bytes-per-token-differ", remarks(unknown))
        logged = files(submission__json=claimed, train_gpt__py=known)
        assert not said("bytes-per-token-differ", remarks(logged))
    study = {"folder": NON_RECORD}
    assert said("bytes-per-token-differ", remarks(contents, **study))[0].confidence is (
        Confidence.NOTE
    )


def test_a_claimed_total_over_the_cap_counts_where_no_log_has_one() -> None:
    """The claim's own number is over 16,000,000; a log that says otherwise is asked instead."""
    claimed = json.dumps(claim(bytes_total=25_055_000))
    silent = files(
        submission__json=claimed,
        **{f"train_seed{seed}__log": log(seed, total="") for seed in BPBS},
    )
    found = said("size-over-cap", remarks(silent))
    assert [remark.confidence for remark in found] == [Confidence.REVIEW]
    study = said("size-over-cap", remarks(silent, NON_RECORD))
    assert [remark.confidence for remark in study] == [Confidence.NOTE]
    assert not said("size-over-cap", remarks(files(submission__json=claimed)))


def test_a_claimed_model_over_the_cap_needs_nobody_to_look() -> None:
    """By the claim's own words no packing helps; where it repeats its total, it may mean that."""
    logs = {f"train_seed{seed}__log": log(seed, total="", model="") for seed in BPBS}
    for model, folder, confidence in (
        (16_063_641, FOLDER, Confidence.VIOLATION),
        (16_063_641, NON_RECORD, Confidence.NOTE),
        (16_144_402, FOLDER, Confidence.REVIEW),
        (15_990_000, FOLDER, Confidence.REVIEW),
    ):
        sizes = {"bytes_total": 16_144_402, "bytes_model_int6_zstd": model}
        contents = files(submission__json=json.dumps(claim(**sizes)), **logs)
        (found,) = said("size-over-cap", remarks(contents, folder))
        assert found.confidence is confidence, model


def test_the_best_of_three_seeds_listed_alone_asks_for_a_person() -> None:
    """Results of three seeds, and a claim that lists the best one only: chosen by its score."""
    alone = claim(seeds=[1], val_bpb=BPBS[1])
    for claimed, confidence in (
        (alone, Confidence.REVIEW),
        ({**alone, "seeds": [1, 2, 3]}, Confidence.NOTE),
        ({**alone, "seeds": None}, Confidence.NOTE),
    ):
        found = said("claim-is-best-seed", remarks(files(submission__json=json.dumps(claimed))))
        assert [remark.confidence for remark in found] == [confidence]


def test_a_record_that_leaves_its_score_empty_asks_for_a_person() -> None:
    """val_bpb is null and no seed has one: nothing is claimed; what is left out is a note."""
    empty = {**claim(seed_results=None), "val_bpb": None}
    for claimed, folder, confidence in (
        (empty, FOLDER, Confidence.REVIEW),
        (empty, NON_RECORD, Confidence.NOTE),
        (claim(seed_results=None, val_bpb=None), FOLDER, Confidence.NOTE),
        (claim(author=None), FOLDER, Confidence.NOTE),
    ):
        found = said(
            "manifest-incomplete", remarks(files(submission__json=json.dumps(claimed)), folder)
        )
        assert [remark.confidence for remark in found] == [confidence]


def test_a_log_of_another_score_than_the_claim_s_is_not_its_artifact() -> None:
    """Repacked into the cap and scored again: the log over the cap is of what was before."""
    lines = {
        "total": "Total submission size int8+zlib: 16639274 bytes",
        "model": "Serialized model int8+zlib: 16639000 bytes",
    }
    one = {"seeds": [1], "seed_results": None, "val_bpb_std": None}
    logs = {f"train_seed{seed}__log": None for seed in (2, 3)}
    for bpb, total, confidence in (
        (1.23230441, 15_910_904, Confidence.REVIEW),
        (BPBS[1], 15_910_904, Confidence.VIOLATION),
        (1.23230441, 16_639_274, Confidence.VIOLATION),
    ):
        claimed = json.dumps(claim(**one, val_bpb=bpb, bytes_total=total))
        contents = files(submission__json=claimed, train_seed1__log=log(1, **lines), **logs)
        found = said("size-over-cap", remarks(contents))
        assert [remark.confidence for remark in found] == [confidence]


# ---------------------------------------------------------------- which log, which score


def test_the_claim_decides_which_of_several_logs_stands_for_a_seed() -> None:
    """A second run of seed 1 is beside the point unless its score is the claimed one."""
    other = log(1).replace(f"{BPBS[1]:.8f}", "1.19000000")
    found = claimed_seeds(evidence(files(rerun_seed1__log=other)))
    assert [score.path for score in found] == [f"train_seed{seed}.log" for seed in BPBS]


def test_a_longer_run_of_a_seed_is_not_the_claimed_one() -> None:
    """Four hours with seed 1 beside its 600 s: the claim is a score that the shorter one prints."""
    longer = log(1, stop="stopping_early: wallclock_cap train_time:14400027ms step:90000/200000")
    contents = changed_logs(more="final_raw val_loss:2.0 val_bpb:1.2155")
    contents["train_seed1_4h.log"] = longer.replace(f"{BPBS[1]:.8f}", "1.07424983").encode()
    assert not [
        remark
        for remark in remarks(contents)
        if remark.rule == "train-over-limit" and remark.confidence is not Confidence.NOTE
    ]
    unprinted = {
        name: body.replace(b"val_bpb:1.20010203", b"val_bpb:1.20020000")
        for name, body in contents.items()
    }
    assert "train_seed1.log" in [log.path for log in evidence(unprinted).backing]
    assert "train_seed1_4h.log" not in [log.path for log in evidence(unprinted).backing]


def test_a_run_that_ends_far_from_the_claim_is_not_the_claimed_one() -> None:
    """A run kept beside the corrected one: its score is another, and its clock its own."""
    stop = "stopping_early: wallclock_cap train_time:604932ms step:2480/20000"
    claimed = claim(seeds=None, seed_results=None, val_bpb_std=None, val_bpb=BPBS[2])
    far = log(1, stop=stop).replace(f"{BPBS[1]:.8f}", "1.03281422").replace("1.2001", "1.0328")
    one = {"train_seed3__log": None, "submission__json": json.dumps(claimed)}
    for other, confidence in ((far, Confidence.NOTE), (log(1, stop=stop), Confidence.VIOLATION)):
        found = said("train-over-limit", remarks(files(train_seed1__log=other, **one)))
        assert [remark.confidence for remark in found] == [confidence]


def test_other_documents_of_the_same_kind_are_not_miscounted_bytes() -> None:
    """Another partition has its own number of tokens; their bytes are those of such tokens."""
    more = "val_loader:shards pattern=./data/fineweb_val_*.bin tokens:63779840"
    found = said("bytes-not-canonical", remarks(changed_logs(tokens=more)))
    assert {remark.confidence for remark in found} == {Confidence.NOTE}
    assert said("tokens-not-canonical", remarks(changed_logs(tokens=more)))
    assert fired("bytes-not-canonical")[0].confidence is Confidence.REVIEW


def test_a_mean_of_another_score_is_recognised_under_its_label() -> None:
    """Every log ends in an ablation; the claim is the mean of what stands before it."""
    found = changed_logs(more="final_ablation val_loss:2.0 val_bpb:1.4000")
    claimed = json.dumps(claim(seed_results=None, val_bpb_std=None))
    seen = evidence({**found, "submission.json": claimed.encode()})
    assert seen.mean_bpb == pytest.approx(1.20040506, abs=1e-8)
    assert said("claim-is-another-score", list(check(seen)))
    assert not said("claim-differs-from-logs", list(check(seen)))


def test_a_seed_without_a_log_is_the_json_s() -> None:
    """Both sources, each named."""
    found = claimed_seeds(evidence(files(train_seed3__log=None)))
    assert [(score.seed, score.source) for score in found] == [
        *(("1", "log"), ("2", "log")),
        ("3", "json"),
    ]


def test_trailing_zeros_are_digits_of_a_claim() -> None:
    """1.20000 is not 1.20010203 rounded, though both are 1.2 to one digit."""
    exact = json.dumps(claim()).replace("1.20010203", "1.20000")
    found = remarks(files(submission__json=exact))
    assert said("seed-claim-differs-from-log", found)


def test_other_files_are_no_logs() -> None:
    """requirements.txt and notes say nothing of a run."""
    extra = files(**{"requirements__txt": "torch\n", "notes__txt": "val_bpb: 1.1\n"})
    assert len(evidence(extra).read) == 3


# ---------------------------------------------------------------- README and scripts


def test_rows_are_read_under_the_words_above_them() -> None:
    """Emphasis and escapes aside."""
    text = "| Seed | Steps |\n|:--|--:|\n| **42** | `7\\_1` |\n\nno table\n| 1 | 2 |\n"
    rows = list(rows_of(lines_of(text)))
    assert [(row.line, [(cell.head, cell.text) for cell in row.cells]) for row in rows] == [
        (3, [("seed", "42"), ("steps", "7_1")])
    ]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("torchrun --standalone --nproc_per_node=8 train_gpt.py", ("train_gpt.py",)),
        ("SEED=1 torchrun \\--nproc\\_per\\_node=8 train\\_gpt.py", ("train_gpt.py",)),
        (
            "pip install -r requirements.txt && bash eval/eval.sh",
            ("requirements.txt", "eval/eval.sh"),
        ),
        ("Training script: `old_train.py`", ("old_train.py",)),
        ("python -m pip install x", ()),
        ("python /workspace/train.py ../data/get.py", ()),
        ("see train_gpt.py for more", ()),
    ],
)
def test_the_files_of_a_command_are_found(line: str, named: tuple[str, ...]) -> None:
    """Relative ones, that a command runs or installs from."""
    assert files_named(line) == named


def test_the_competition_s_own_files_need_not_be_shipped() -> None:
    """`data/cached_challenge_fineweb.py` stands in its repository."""
    readme = "# x\n\nval_bpb: 1.2004\n\npython data/cached_challenge_fineweb.py\n"
    assert not said("readme-file-missing", remarks(files(README__md=readme)))


def test_an_import_that_may_fail_is_not_required() -> None:
    """Under a `try`, or behind one."""
    text = "try:\n    import zstandard\nexcept ImportError:\n    pass\n"
    text += "import a, b.c\nif x: from d import e\n"
    assert list(imports_of(Script(path="x.py", text=text))) == [
        *(("zstandard", 2, True), ("a", 5, False), ("b", 5, False)),
        ("d", 6, False),
    ]


def test_changed_lines_are_counted_in_order() -> None:
    """A moved line is one gone and one new."""
    assert changed_lines([b"a", b"b", b"c"], [b"b", b"c", b"a", b"d"]) == (1, 2)


# ---------------------------------------------------------------- one thing once


def test_one_thing_in_several_logs_is_said_once() -> None:
    """With every place, and how often."""
    one = Remark(rule="r", confidence=Confidence.NOTE, said="x", locations=(Location(path="a"),))
    other = replace(one, locations=(Location(path="b"),))
    strong = replace(one, confidence=Confidence.REVIEW)
    found = list(merged([one, strong, other, other]))
    assert [(remark.confidence, len(remark.locations)) for remark in found] == [
        (Confidence.NOTE, 2),
        (Confidence.REVIEW, 1),
    ]
    assert found[0].said == "x (and 2 more)"
    many = [replace(one, locations=(Location(path=str(at)),)) for at in range(100)]
    assert len(next(merged(many)).locations) == MOST_PLACES


# ---------------------------------------------------------------- hostile


_NAMES = st.sampled_from(
    [
        *("README.md", "submission.json", "train_gpt.py", "train.log", "train_seed1.log", "a.txt"),
        *("prepare.py", "requirements.txt", "logs/seed_2.log", "submission_x.json", "x.cpp"),
    ]
)
_TEXTS = st.sampled_from(
    [
        *(
            "",
            "\0",
            "{",
            '{"val_bpb": 1e400}',
            '{"seeds": {"1": {"val_bpb": 1.2}}}',
            "| a |\n|-|\n| 1 |",
        ),
        *(log(1), SCRIPT, "final_x val_bpb:0.0000", "Code size: 9 bytes\n", "|" * 300, "`" * 300),
        *("x val_loss:0.0 val_bpb:0.0001\nval_tokens: 0\n", "seed: 999999999999999999\n"),
        *(
            "stopping_early: c train_time:999999999999ms step:1/0\n",
            "torchrun " * 200,
            "--val-docs=9_9",
        ),
        "total_docs:0 val_loss:99.9 val_bpb:0.00000001\nworld_size:0\ntrain_shards:0\n",
    ]
)


@given(st.dictionaries(_NAMES, _TEXTS | st.text(max_size=60), max_size=7))
def test_no_files_make_it_raise(contents: dict[str, str]) -> None:
    """Any text under any name, and every remark can be written out."""
    tree = Tree(files={path: text.encode("utf-8", "replace") for path, text in contents.items()})
    for remark in check(read_evidence(tree, folder=FOLDER, policy=rules())):
        json.dumps([remark.said, dict(remark.values)], allow_nan=False).encode("utf-8")
        for place in remark.locations:
            assert place.path in tree.files or place.path == ""
            assert len(place.text) <= 200
