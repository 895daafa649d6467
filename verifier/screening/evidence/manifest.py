"""Is there a readable submission.json that says what it must and does not contradict itself?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from statistics import fmean

from verifier.screening.claimed import manifest_paths
from verifier.screening.evidence.gathering import Evidence
from verifier.screening.evidence.saying import note, remark
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.located_json import decimals_of
from verifier.screening.rule import Rule
from verifier.screening.screened import Claimed
from verifier.source.logs import agrees

MISSING = Rule(
    id="manifest-missing",
    sentence="There is no submission.json.",
    clause="R9",
    at_most=Confidence.REVIEW,
    clear="Add submission.json with author, github_id, name and val_bpb.",
    classes=("FORMAT_MISSING",),
)
NAME = Rule(
    id="manifest-name",
    sentence="The submission's json has another name, or there are several.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Call the one file submission.json.",
)
UNREADABLE = Rule(
    id="manifest-value",
    sentence="A value of submission.json cannot be what its key promises.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Write valid JSON, numbers as numbers, and leave out what is not known.",
    classes=("FORMAT_MISSING",),
)
INCOMPLETE = Rule(
    id="manifest-incomplete",
    sentence="submission.json lacks what every submission must say, or leaves it empty.",
    clause="R9",
    at_most=Confidence.REVIEW,
    clear="Fill in author, github_id, name, date and val_bpb.",
    classes=("FORMAT_MISSING",),
)
NULLS = Rule(
    id="manifest-nulls",
    sentence="submission.json holds keys whose value is null.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Fill them in or leave them out.",
)
CONTRADICTS = Rule(
    id="manifest-contradicts-itself",
    sentence="Two fields of submission.json contradict each other.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Make the fields agree; the score is the mean of the seeds.",
)
TRACK = Rule(
    id="manifest-track",
    sentence="submission.json names another track than the folder is in.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Say in one place only whether this is a record attempt.",
)
OUTSIDE = Rule(
    id="folder-not-under-records",
    sentence="No folder under records/ was screened, but every file that changes.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Put the submission into one folder under records/.",
    classes=("FORMAT_MISSING",),
)

RULES = (MISSING, NAME, UNREADABLE, INCOMPLETE, NULLS, CONTRADICTS, TRACK, OUTSIDE)

REQUIRED = ("author", "github_id", "name", "date")
_NON_RECORD = re.compile(r"\bnon[-_ ]?record\b", re.IGNORECASE)
_RECORD_FOLDER = re.compile(r"(?:^|/)track_10min")


def check(evidence: Evidence) -> Iterator[Remark]:
    """Every remark about the file itself."""
    paths = manifest_paths(evidence.tree)
    claimed = evidence.claimed
    if not evidence.submitted:
        files = len(evidence.tree.paths)
        entry = evidence.program.entry.path if evidence.program is not None else "no script"
        said = f"no folder of its own under records/: {files} files were screened, from {entry} on"
        yield note(OUTSIDE, said, Location(path=""), files=files)
    if claimed is None or not paths:
        confidence = Confidence.REVIEW if evidence.is_record else Confidence.NOTE
        files = len(evidence.tree.paths)
        said = f"no submission.json among {files} files"
        yield remark(MISSING, confidence, said, Location(path=""), files=files)
        return
    if claimed.path.rsplit("/", 1)[-1] != "submission.json" or len(paths) > 1:
        said = f"read {claimed.path}" + (f"; there are {len(paths)}" if len(paths) > 1 else "")
        yield note(NAME, said, *(Location(path=path) for path in paths), files=len(paths))
    for fault in claimed.faults:
        place = evidence.line_of(claimed.path, fault.line)
        key = fault.key or claimed.path
        yield note(UNREADABLE, f"{key} {fault.said}", place, key=fault.key, line=fault.line)
    yield from _incomplete(evidence, claimed)
    yield from _contradictions(evidence, claimed)
    yield from _track(evidence, claimed)


def _incomplete(evidence: Evidence, claimed: Claimed) -> Iterator[Remark]:
    lacking = [name for name in REQUIRED if not getattr(claimed, name)]
    if claimed.val_bpb is None and not claimed.seed_bpbs:
        lacking.append("val_bpb")
    if lacking:
        said = f"{claimed.path} has no {', '.join(lacking)}"
        empty = [evidence.claim_at(name) for name in lacking if name in claimed.sources]
        places = empty or [Location(path=claimed.path)]
        unscored = "val_bpb" in lacking and "val_bpb" in claimed.nulls and evidence.is_record
        confidence = Confidence.REVIEW if unscored else Confidence.NOTE
        yield remark(INCOMPLETE, confidence, said, *places, lacking=", ".join(lacking))
    if claimed.nulls:
        said = f"null: {', '.join(claimed.nulls[:12])}"
        places = [evidence.claim_at(key) for key in claimed.nulls[:12]]
        yield note(NULLS, said, *places, nulls=len(claimed.nulls))


def _contradictions(evidence: Evidence, claimed: Claimed) -> Iterator[Remark]:
    """Fields that should follow from each other."""
    bpbs = list(claimed.seed_bpbs.values())
    value = claimed.val_bpb
    if value is not None and len(bpbs) > 1:
        mean, written = fmean(bpbs), decimals_of(value)
        digits = min(decimals_of(bpb) for bpb in bpbs)
        near = abs(mean - value) < 1.0001 * 10.0 ** -min(written, digits)
        if not near and not any(agrees(bpb, value, written, decimals_of(bpb)) for bpb in bpbs):
            said = f"val_bpb is {value}; the mean of its {len(bpbs)} seeds is {mean:.8f}"
            places = [evidence.claim_at("val_bpb")]
            places += [evidence.claim_at(f"seed_bpbs.{seed}") for seed in claimed.seed_bpbs]
            yield note(CONTRADICTS, said, *places, claimed=value, mean=round(mean, 8))
    model, code, total = claimed.model_bytes, claimed.code_bytes, claimed.total_bytes
    if model and code and total and model + code != total:
        said = f"{model} of model and {code} of code are {model + code} bytes, not {total}"
        names = ("total_bytes", "model_bytes", "code_bytes")
        places = [evidence.claim_at(name) for name in names]
        yield note(CONTRADICTS, said, *places, total=total, sum=model + code)
    listed = {str(seed) for seed in claimed.seeds}
    table = {seed for seed in claimed.seed_bpbs if seed.isdigit()}
    if listed and table and listed != table:
        said = f"seeds lists {', '.join(sorted(listed))}; results are of {', '.join(sorted(table))}"
        yield note(CONTRADICTS, said[:300], evidence.claim_at("seeds"))


def _track(evidence: Evidence, claimed: Claimed) -> Iterator[Remark]:
    if not _RECORD_FOLDER.search(evidence.folder):
        return
    for name in ("name", "track"):
        said = getattr(claimed, name)
        if _NON_RECORD.search(said):
            words = f"{name} is {said[:120]!r}, and the folder is {evidence.folder}"
            yield note(TRACK, words, evidence.claim_at(name))
