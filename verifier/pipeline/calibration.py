"""What did the examples show, and where is it written down? The evidence behind a policy's τ.

The evidence is a file whose sha256 a policy cites; the same runs always leave the same bytes. Must
never give lines for a policy where anything failed or was left out (PROTOCOL §4.4).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from verifier import __version__
from verifier.errors import StorageFault
from verifier.pipeline.machine import gpu_driver, hardware
from verifier.pipeline.precision import Precision
from verifier.pipeline.preparation import Preparation
from verifier.policy import CPU
from verifier.records import (
    Assurance,
    EnvironmentFault,
    ImageFacts,
    Opening,
    Pass,
    ProtocolFault,
    Replay,
    Weighing,
)
from verifier.scoring.tolerance import (
    MULTIPLE,
    Deviations,
    Tolerance,
    deviations,
    failed,
    tolerance,
)

FORMAT = "calibration/1"
EVIDENCE, LINES = "calibration.json", "calibration.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One example in one precision. Digests and roots are "" where it did not come to that."""

    example: str
    precision: Precision
    started_utc: str
    submission_digest: str
    shipment_digest: str
    score_root: str
    ledger_head: str
    apart: Deviations


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was measured, on what, and the τ that follows.

    `partial` says what was left out, "" for nothing; then, and only then, a `found.tau_nats` may
    stand in a policy. `evidence` is the sha256 of the evidence file's bytes.
    """

    device: str
    machine: dict[str, str]
    image: ImageFacts
    backend: str
    assurance: Assurance
    data: str
    data_manifest: str
    examples: tuple[Measured, ...]
    found: Tolerance
    partial: str
    started_utc: str
    evidence: str
    file: Path

    @property
    def lines(self) -> str:
        """The lines of a policy's `replay` group, "" where there is nothing to paste."""
        if self.found.tau_nats is None or self.partial:
            return ""
        day = self.started_utc[:10]
        return (
            f"  tau_nats: {self.found.tau_nats:.1e}"
            f"  # §4.4: {MULTIPLE} times the worst of {self.found.positions:,}, measured {day}\n"
            f"  calibrated:\n"
            f"    device: {self.device}\n"
            f"    evidence: {self.evidence}\n"
        )


def measure(preparation: Preparation, example: str, precision: Precision) -> Measured:
    """Charges against blind costs, from the ledger of a run that is over."""
    ledger, (seed, *_) = preparation.ledger, preparation.seeds
    passes, replays = ledger.find(Pass, seed=seed), ledger.find(Replay, seed=seed)
    weighings = ledger.find(Weighing, seed=seed)
    faults = [f"{fault.phase}: {fault.reason}" for fault in ledger.find(EnvironmentFault)]
    faults += [f"{fault.phase}: {fault.kind.value}" for fault in ledger.find(ProtocolFault)]
    opening = ledger.find(Opening)[0]
    if other := _elsewhere(opening):
        faults.insert(0, other)
    if faults:
        apart = failed(faults[0])
    elif not passes or not replays:
        apart = failed("it did not come to a replay" if weighings else "its training failed")
    elif len(replays[-1].targets) != len(passes[-1].charges):
        missing = len(passes[-1].charges) - len(replays[-1].targets)
        apart = failed(f"{missing:,} targets were not replayed")
    else:
        apart = deviations(passes[-1].charges[replays[-1].targets], replays[-1].blind)
    return Measured(
        example=example,
        precision=precision,
        started_utc=opening.started_utc,
        submission_digest=preparation.submission.digest,
        shipment_digest=weighings[-1].shipment_digest if weighings else "",
        score_root=passes[-1].score_root if passes else "",
        ledger_head=ledger.head,
        apart=apart,
    )


def _elsewhere(opening: Opening) -> str:
    """That a resumed run was begun on another processor or GPU than the evidence would name."""
    here = hardware()
    for part in ("cpu", "gpu"):
        then, now = opening.hardware.get(part, "none"), here.get(part, "none")
        if then != now:
            return f"it ran on another machine ({part} {then}, this one has {now})"
    return ""


def written(
    out: Path,
    device: str,
    ground: Preparation,
    measured: tuple[Measured, ...],
    partial: str,
) -> Calibration:
    """Take τ, write the evidence and, where it may stand in a policy, the lines for one."""
    loose = "" if ground.ground.image.pinned else "in an image that was not pinned"
    result = Calibration(
        device=device,
        machine=arithmetic_of(device),
        image=ground.ground.image,
        backend=ground.ground.sandbox.name,
        assurance=ground.ground.sandbox.level,
        data=ground.held_out.name,
        data_manifest=ground.held_out.manifest_digest,
        examples=measured,
        found=tolerance([each.apart for each in measured]),
        partial=", ".join(filter(None, (partial, loose))),
        # Not the hour of this call: a resumed calibration must leave the same evidence.
        started_utc=max(each.started_utc for each in measured),
        evidence="",
        file=out / EVIDENCE,
    )
    text = evidence_text(result)
    result = replace(result, evidence=hashlib.sha256(text).hexdigest())
    try:
        result.file.write_bytes(text)
        result.file.with_name(LINES).write_text(
            result.lines or f"# no τ: {result.found.why or result.partial}\n", encoding="utf-8"
        )
    except OSError as fault:
        raise StorageFault(f"{result.file}: {fault.strerror}") from fault
    return result


def arithmetic_of(device: str) -> dict[str, str]:
    """What of this machine the answers can depend on: processor, GPU and its driver."""
    found = {"cpu": hardware()["cpu"]}
    return found if device == CPU else {**found, "gpu": device, "driver": gpu_driver()}


def evidence_text(result: Calibration) -> bytes:
    """The evidence as canonical JSON: what its sha256 is taken over."""
    body = {
        "format": FORMAT,
        "verifier_version": __version__,
        "measured_utc": result.started_utc,
        "device": result.device,
        "machine": result.machine,
        "torch": result.image.packages.get("torch", ""),
        "python": result.image.python,
        "image": {"recipe": result.image.recipe, "root_digest": result.image.root_digest},
        "backend": result.backend,
        "assurance": result.assurance.name,
        "data": {"name": result.data, "manifest": result.data_manifest},
        "examples": [asdict(each) for each in result.examples],
        **asdict(result.found),
        "multiple": MULTIPLE,
        "partial": result.partial,
    }
    return (json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
