"""Which of the facts established about the merged records does screening reproduce?

    python tools/check_record_facts.py --clone PATH --facts record_facts.csv [--show KIND]

Reads `main` of a clone of the competition's repository, screens every folder that a fact is about,
rebuilds the leaderboard, and says for each fact whether a remark of the rule that its kind stands
for cites the same files and lines. Executes nothing. Not part of the tests: no clone is shipped.
"""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from verifier import policy
from verifier.history.leaderboard import leaderboard
from verifier.screening import Remark
from verifier.screening.screen import screen
from verifier.source import Tree
from verifier.watch import Unwatched

POLICY = "track_10min_16mb_as_ruled"
LARGEST = 8_000_000

RULES_OF: Mapping[str, tuple[str, ...]] = {
    "claim_is_best_seed_not_mean": ("claim-is-best-seed",),
    "claim_not_mean_nor_best": ("claim-is-one-seed",),
    "claim_not_in_logs": ("claim-differs-from-logs", "bytes-total-differs"),
    "claim_not_supported_in_folder": ("claim-without-log",),
    "claim_from_eval_only_logs": ("claim-from-scoring-only-logs",),
    "mean_rounding": ("claim-rounding",),
    "std_is_population": ("std-is-population",),
    "std_mismatch": ("std-differs-from-logs",),
    "json_field_mismatch": (
        *("field-differs-from-logs", "seed-claim-differs-from-log", "readme-differs-from-logs"),
    ),
    "json_bytes_total_mismatch": ("bytes-total-differs",),
    "json_bytes_total_is_mean": ("bytes-total-is-mean",),
    "json_bytes_total_not_max": ("bytes-total-not-largest",),
    "json_artifact_excludes_code": ("bytes-exclude-code",),
    "json_code_bytes_mismatch": ("bytes-code-differs",),
    "json_missing_required": ("manifest-incomplete",),
    "json_empty_author": ("manifest-incomplete",),
    "json_null_values": ("manifest-nulls",),
    "nonstandard_json_name": ("manifest-name",),
    "missing_submission_json": ("manifest-missing",),
    "title_says_non_record_in_record_track": ("manifest-track",),
    "same_seed_reused": ("seed-reused",),
    "seed_mismatch": ("seed-differs-from-name",),
    "seed_not_in_log": ("seed-not-stated",),
    "missing_seed_logs": (
        *("seeds-fewer-than-claimed", "seeds-fewer-than-asked", "readme-seeds-without-log"),
    ),
    "missing_log": ("log-missing",),
    "duplicate_log": ("log-duplicate", "shared-log"),
    "log_has_no_final_score": ("log-without-score",),
    "log_has_two_runs": ("log-of-several-runs",),
    "log_resumed_run": ("log-of-resumed-run",),
    "log_overlapping_capture": ("log-overwritten",),
    "size_over_cap": ("size-over-cap",),
    "code_counted_compressed_only": ("code-counted-packed",),
    "train_time_over_limit": ("train-over-limit",),
    "eval_over_600s_if_warmup_counted": ("score-over-limit-with-warm-up",),
    "post_training_work_over_600s": ("work-after-limit",),
    "train_data_hessians_past_600s": ("training-data-after-limit",),
    "code_size_log_vs_disk": ("code-size-differs",),
    "code_size_log_vs_embedded": ("embedded-source-not-what-ran",),
    "log_source_differs_from_disk": ("embedded-source-differs",),
    "embedded_source_not_what_ran": ("embedded-source-not-what-ran",),
    "different_val_set": ("bytes-not-canonical", "tokens-not-canonical"),
    "bpb_loss_inconsistent_with_tokenizer": ("bytes-per-token-differ", "bytes-not-canonical"),
    "eval_on_subset_of_val": ("validation-limited",),
    "fewer_train_shards": ("train-shards-few",),
    "wrong_hardware": ("hardware-differs",),
    "no_train_gpt_py": ("script-name",),
    "empty_file": ("script-empty",),
    "packed_script": ("script-packed",),
    "wrapper_script": ("script-runs-sibling",),
    "needs_python_312": ("script-needs-python-312",),
    "script_is_unmodified_baseline": ("script-is-the-baseline",),
    "missing_requirements_txt": ("requirements-missing",),
    "helper_code_not_counted": ("helper-code-not-counted",),
    "prep_script_default_val_docs": ("preparation-held-out-documents",),
    "prep_script_shard_size": ("preparation-shard-size",),
    "prep_script_needs_older_sentencepiece": ("preparation-needs-old-sentencepiece",),
    "readme_refers_missing_file": ("readme-file-missing",),
    "readme_log_mismatch": ("readme-differs-from-logs",),
    "readme_json_mismatch": ("readme-differs-from-claim",),
    "train_data_used_after_training": ("calibrated-after-training",),
    "p_ge_0.01": ("record-p-value",),
    "p_ge_0.01_for_0.005_nats": ("record-p-margin",),
    "improvement_lt_0.005_nats": ("record-margin",),
    "single_run_no_p_value": ("record-single-run",),
    "leaderboard_mismatch": ("leaderboard-differs",),
    "folder_not_on_leaderboard": ("not-on-leaderboard",),
    "readme_admits_p_ge_0.01": ("leaderboard-p-value",),
}
"""Kind of fact → the rules that may show it."""

OF_THE_TABLE = frozenset(
    {
        *("p_ge_0.01", "p_ge_0.01_for_0.005_nats", "improvement_lt_0.005_nats"),
        *("single_run_no_p_value", "leaderboard_mismatch", "folder_not_on_leaderboard"),
        "readme_admits_p_ge_0.01",
    }
)
"""Kinds whose README.md is the repository's."""

LEFT_OUT: Mapping[str, str] = {
    "script_crashes_with_default_env": "shown by running the script; screening runs nothing",
    "script_crashes_on_full_run": "shown by running the script; screening runs nothing",
    "prep_script_overcounts_bytes": "measured by running the data preparation on documents",
    "readme_internal_mismatch": "two sentences of one README, in prose",
}
"""Kinds that screening does not cover, and why."""


class Outcome(StrEnum):
    """What became of a fact."""

    EXACT = "same lines"
    SOME = "some lines"
    FILE = "same file"
    ELSEWHERE = "other place"
    MISSED = "missed"
    CONTRADICTED = "contradicted"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of the table of facts."""

    folder: str
    kind: str
    evidence: str


EACH_LOG = "*"
_PLACE = re.compile(
    r"(?:(?P<file>[\w./+-]*[\w-]\.(?:log|txt|md|json|py|tsv|sh)|README)"
    r"(?:\s\(?(?:decoded )?lines? |:)"
    r"|(?P<logs>logs? |\()line (?=[0-9]+(?: of each| [0-9.]))"
    r"|(?P<decoded>decoded (?:script )?)line "
    r"|(?<=[\s(]):|(?<=\s)lines? )"
    r"(?P<first>[0-9]{1,5})(?:-(?P<last>[0-9]{1,5}))?(?![\w.])"
)
_FILE = re.compile(r"(?<![\w./])([\w./+-]*[\w-]\.(?:log|txt|json|py|tsv))\b")


def places(fact: Fact, paths: Sequence[str]) -> set[tuple[str, int]]:
    """(file, line) that the fact names; line 0 where it names files only, `*` for some log.

    Of a range in a log or script the first line counts, of one in a README each.
    """
    text = re.sub(r"\[\[.*?\]\](?!\])", "[]", fact.evidence)
    text = re.sub(
        r"(?:repo|leaderboard row) (?:data/)?README\.md:[0-9]+|repo root line [0-9]+", "", text
    )
    found: set[tuple[str, int]] = set()
    file = ""
    for match in _PLACE.finditer(text):
        file = EACH_LOG if match.group("logs") else match.group("file") or file
        path = "README.md" if file == "README" else file
        if match.group("decoded") and (not file or "script" in match.group("decoded")):
            path = "train_gpt.py"
        if path not in paths and path != EACH_LOG:
            continue
        first = int(match.group("first"))
        last = int(match.group("last") or first) if path == "README.md" else first
        found |= {(path, line) for line in range(first, last + 1)}
    if found:
        return found
    return {(name, 0) for name in _FILE.findall(text) if name in paths}


def outcome(fact: Fact, remarks: Sequence[Remark], paths: Sequence[str]) -> Outcome:
    """What the remarks of one folder make of a fact about it."""
    if fact.kind not in RULES_OF:
        return Outcome.LEFT_OUT
    own = [remark for remark in remarks if remark.rule in RULES_OF[fact.kind]]
    if not own:
        return Outcome.MISSED
    wanted = places(fact, paths)
    cited = {(place.path, place.line) for remark in own for place in remark.locations}
    cited |= {(path, 0) for path, _ in cited}
    cited |= {(EACH_LOG, line) for path, line in cited if path.endswith((".log", ".txt"))}
    if ("", 0) in cited:
        cited |= {(path, 0) for path in paths}
    if contradicts(fact, own, wanted):
        return Outcome.CONTRADICTED
    if wanted <= cited:
        return Outcome.EXACT
    if any(line for _, line in wanted & cited):
        return Outcome.SOME
    return (
        Outcome.FILE
        if {path for path, _ in wanted} & {path for path, _ in cited}
        else (Outcome.ELSEWHERE)
    )


def contradicts(fact: Fact, remarks: Sequence[Remark], wanted: set[tuple[str, int]]) -> bool:
    """Whether the remarks at the fact's places give figures, and the fact none of them.

    Figures have four digits or more; places are none.
    """
    text = re.sub(r"(?::|lines? )[0-9]{1,5}(?:-[0-9]+)?(?![0-9])", "", fact.evidence)
    text = re.sub(r"(?<=[0-9])(?:,(?=[0-9]{3}(?![0-9]))|_)", "", text)
    known = set(_FIGURE.findall(re.sub(r"(?<=[0-9])ms\b", " ms", text)))
    told: set[str] = set()
    for remark in remarks:
        at = {(place.path, place.line) for place in remark.locations}
        if at & wanted or not any(line for _, line in wanted):
            said = [str(value) for value in remark.values.values()]
            said += [one.text for one in remark.locations if (one.path, one.line) in wanted]
            told |= set(_FIGURE.findall(" ".join(said)))
    return bool(told and known) and not any(_alike(one, other) for one in told for other in known)


_FIGURE = re.compile(r"(?<![\w.])(?:[0-9]{4,}(?:\.[0-9]+)?|[0-9]{1,3}\.[0-9]{3,})(?![\w.])")


def _alike(left: str, right: str) -> bool:
    """Whether two figures agree to the decimals of the shorter, or as seconds and milliseconds."""
    digits = min(len(one.partition(".")[2]) for one in (left, right))
    a, b = float(left), float(right)
    return any(abs(a * unit - b) <= 0.6 * 10.0**-digits for unit in (1, 1000, 0.001))


def read_tree(clone: Path, folder: str) -> Tree:
    """The files of one folder of `main`, large ones left unread."""
    listed = _git(clone, "ls-tree", "-r", "-l", "-z", "main", "--", f"records/{folder}/")
    files: dict[str, bytes] = {}
    unread: dict[str, int] = {}
    for entry in listed.split(b"\0"):
        if not entry:
            continue
        meta, raw = entry.split(b"\t", 1)
        _, kind, blob, size = meta.split()
        path = raw.decode("utf-8", "surrogateescape").removeprefix(f"records/{folder}/")
        if kind != b"blob":
            continue
        if int(size) > LARGEST:
            unread[path] = int(size)
        else:
            files[path] = _git(clone, "cat-file", "blob", blob.decode())
    return Tree(files=files, unread=unread)


def _git(clone: Path, *words: str) -> bytes:
    done = subprocess.run(["git", "-C", str(clone), *words], check=True, capture_output=True)
    return done.stdout


def judged(clone: Path, facts: Sequence[Fact]) -> Iterator[tuple[Fact, Outcome, list[Remark]]]:
    """Every fact with its outcome and the remarks of its rules."""
    rules = policy.load(POLICY)
    by_folder: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        by_folder[fact.folder].append(fact)
    with tempfile.TemporaryDirectory() as store:
        board = leaderboard(clone, rules, Path(store), Unwatched())
    of_table = {standing.folder: standing.remarks for standing in board.standings}
    for folder, own in by_folder.items():
        tree = read_tree(clone, folder)
        path = f"records/{folder}"
        screening = screen(tree, folder=path, digest="", policy=rules.policy)
        remarks = [*screening.remarks, *of_table.get(path, ())]
        for fact in own:
            mapped = RULES_OF.get(fact.kind, ())
            found = [remark for remark in remarks if remark.rule in mapped]
            yield fact, outcome(fact, remarks, (*tree.paths, "README.md")), found


def main() -> int:
    """Print the table by kind and the total."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--clone", type=Path, required=True)
    parser.add_argument("--facts", type=Path, required=True)
    parser.add_argument("--show", default="", help="print facts of this kind, or 'missed'")
    options = parser.parse_args()
    begun = time.monotonic()
    with options.facts.open(newline="", encoding="utf-8") as file:
        facts = [Fact(**row) for row in csv.DictReader(file)]
    table: dict[str, Counter[Outcome]] = defaultdict(Counter)
    for fact, result, remarks in judged(options.clone, facts):
        table[fact.kind][result] += 1
        wanted = options.show == fact.kind or (
            options.show == "missed" and result is not Outcome.EXACT
        )
        if wanted:
            print(f"{result}: {fact.folder}: {fact.kind}: {fact.evidence[:400]}")
            for remark in remarks[:8]:
                at = ", ".join(f"{place.path}:{place.line}" for place in remark.locations[:8])
                print(f"    {remark.rule} ({remark.confidence}): {remark.said[:200]} [{at}]")
    print_table(table)
    print(f"{time.monotonic() - begun:.1f} s")
    return 0


def print_table(table: Mapping[str, Counter[Outcome]]) -> None:
    """Kinds by frequency, then the totals."""
    outcomes = list(Outcome)
    print(f"{'kind':40} " + " ".join(f"{name:>12}" for name in outcomes))
    total: Counter[Outcome] = Counter()
    for kind, counts in sorted(table.items(), key=lambda item: (-item[1].total(), item[0])):
        total += counts
        cells = " ".join(f"{counts[name] or '':>12}" for name in outcomes)
        print(f"{kind:40} {cells}  {LEFT_OUT.get(kind, '')}")
    print(f"{'total':40} " + " ".join(f"{total[name]:>12}" for name in outcomes))
    facts = total.total()
    exact, near = total[Outcome.EXACT], total[Outcome.EXACT] + total[Outcome.SOME]
    print(f"{exact} of {facts} reproduced at every place ({exact / facts:.1%}); {near} at some")


if __name__ == "__main__":
    sys.exit(main())
