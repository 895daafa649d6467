"""Was held-out text in anything that a box could read? Looked for once a seed. (PROTOCOL §7)"""

from __future__ import annotations

from pathlib import Path

from verifier import heldout
from verifier.heldout import HeldOut
from verifier.ledger import Ledger
from verifier.pipeline.request import Request
from verifier.records import Root, Secrecy
from verifier.watch import Watch

THEIRS, OURS = "submission and artifact", "image"


def scan(
    ledger: Ledger,
    seed: int,
    theirs: list[Path],
    root: Root,
    held_out: HeldOut,
    *,
    request: Request,
    store: Path,
    watch: Watch,
) -> None:
    """PROTOCOL §7's windows over what was submitted and trained, then over the image.

    What the ledger has already is not looked at again.
    """
    rule = request.policy.policy.secrecy
    scanned = {secrecy.scanned for secrecy in ledger.find(Secrecy, seed=seed)}
    with watch.phase("look for held-out text in the boxes", None):
        if THEIRS not in scanned:
            found = heldout.scan(theirs, held_out, rule)
            ledger.append(found.record(seed=seed, scanned=THEIRS))
        if OURS not in scanned and root.folder is not None:
            found = heldout.scan_cached(root.folder, root.digest, held_out, rule, store)
            ledger.append(found.record(seed=seed, scanned=OURS))
