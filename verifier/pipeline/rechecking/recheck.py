"""One verdict, looked at again: from what was handed over to what may be said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from verifier import policy as policies
from verifier import signature
from verifier.errors import (
    BundleDamaged,
    LedgerDamaged,
    LedgerForeign,
    LedgerUnfinished,
    RequestError,
)
from verifier.ledger import Ledger
from verifier.pipeline.rechecking.against_data import against_data, open_data
from verifier.pipeline.rechecking.arithmetic import (
    Finished,
    finished,
    opened_ledger,
    recomputed,
)
from verifier.pipeline.rechecking.belonging import check_manifest, check_parts
from verifier.pipeline.rechecking.findings import Belongs, Depth, Forged, Looked, Rechecked
from verifier.pipeline.rechecking.handed import Handed, ledger_folder, open_handed
from verifier.pipeline.rechecking.rescoring import require_scored, rescore
from verifier.pipeline.rechecking.trust import NOBODY, Signer, signer
from verifier.records import Verdict
from verifier.scratch import temporary
from verifier.watch import Unwatched, Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be rechecked (a folder, a ledger, a bundle or an address), how deep, for whom.

    `data`: the folder of a data set, None to look at none (or, with `rescore`, at the embedded
    one); `rescore`: how many documents are scored again. `trusted`: name by public key.
    """

    named: str
    data: Path | None = None
    rescore: int = 0
    backend: str = "auto"
    trusted: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Whose signature covers a ledger's head; `forged` why it covers nothing, "" where it fits."""

    named: str
    signer: Signer
    forged: str = ""


def recheck(asked: Asked, watch: Watch | None = None) -> Rechecked:
    """Recheck a verdict.

    1. Open what was handed over; a bundle is unpacked, its address fetched.
    2. Whose signature covers it.
    3. Arithmetic: the ledger agrees with itself, the parts of a bundle with the ledger.
    4. With data: tokens, bytes and boundaries are counted again.
    5. To be scored again: drawn documents, in a box.

    The first contradiction ends it and is `forged`. Raises RequestError, BundleCut,
    LedgerUnfinished or LedgerForeign where there is no finished verdict to look at, MachineFault
    or ImageFault.
    """
    watch = watch or Unwatched()
    whose = NOBODY
    looked: list[Looked] = []
    found: Finished | None = None
    handed: Handed | None = None
    forged = ""
    with _scratch() as scratch:
        try:
            # 1. open
            handed = open_handed(asked.named, scratch, watch)
            # 2. signature
            ledger, whose = _signed(handed, asked.trusted)
            # 3. arithmetic
            found = recomputed(ledger)
            looked.append(_arithmetic(handed, found))
            # 4. data
            if asked.data is not None or asked.rescore:
                if asked.rescore:
                    require_scored(found)
                held_out = open_data(found.evidence, asked.data, watch)
                looked.append(against_data(found, held_out))
                # 5. rescore
                if asked.rescore:
                    looked.append(
                        rescore(
                            found,
                            handed,
                            held_out,
                            asked.rescore,
                            backend=asked.backend,
                            watch=watch,
                        )
                    )
        except (Forged, LedgerDamaged, BundleDamaged) as fault:
            if isinstance(fault, (LedgerUnfinished, LedgerForeign)):
                raise
            forged = _shown(fault, asked.named, scratch)
    return _said(asked.named, handed, found, whose, looked, forged)


def _said(
    named: str,
    handed: Handed | None,
    found: Finished | None,
    whose: Signer,
    looked: list[Looked],
    forged: str,
) -> Rechecked:
    opening = None if found is None else found.evidence.opening
    return Rechecked(
        named=named,
        verdict=None if found is None or forged else found.verdict,
        forged=forged,
        looked=tuple(looked),
        signer=whose,
        run_under="" if opening is None else opening.public_key,
        self_run=opening is None or opening.self_run,
        policy_digest="" if found is None else found.policy.digest,
        policy_as_shipped=None if found is None else policies.as_shipped(found.policy),
        sha256="" if handed is None else handed.sha256,
        file_bytes=0 if handed is None else handed.file_bytes,
    )


def _shown(fault: Exception, named: str, scratch: Path) -> str:
    """What is wrong, by the names that the reader knows."""
    said = str(fault).replace(f"{scratch}/bundle/", "")
    return said.replace(f"{scratch}/fetched", named)


def _signed(handed: Handed, trusted: Mapping[str, str]) -> tuple[Ledger, Signer]:
    """The finished ledger, in a bundle as its manifest says, and whose signature covers it."""
    ledger = finished(handed.ledger) if handed.unpacked is None else _packed(handed)
    return ledger, signer(_key(handed.ledger, ledger), trusted)


def _packed(handed: Handed) -> Ledger:
    """A bundle's ledger. Raises Forged where it has none that is finished: none is packed so."""
    try:
        ledger = finished(handed.ledger)
    except LedgerUnfinished as torn:
        raise Forged(f"the bundle has no finished ledger: {torn.message}") from torn
    except LedgerDamaged:
        raise
    except RequestError as lacking:
        raise Forged(f"the bundle has no finished ledger: {lacking.message}") from lacking
    check_manifest(handed, ledger)
    return ledger


def _key(place: Path, ledger: Ledger) -> str | None:
    """The key (hex) whose signature covers the ledger, None where nobody signed."""
    if not (place / signature.SIGNATURE_FILE).exists():
        return None
    return signature.verify_head(place, ledger.head)


def _arithmetic(handed: Handed, found: Finished) -> Looked:
    unproven = [
        "that the run took place",
        "that tokens and bytes are the held-out text's (--data DIR)",
        "that the charges are this artifact's (--rescore N)",
    ]
    proved = list(found.proved)
    belongs = Belongs()
    if handed.unpacked is None:
        unproven.append("that submission and artifact are those of the ledger: they are not here")
    else:
        belongs = check_parts(handed, found)
        proved += belongs.proved
        unproven += belongs.unproven
    return Looked(
        depth=Depth.ARITHMETIC,
        proved=tuple(said for said in proved if said),
        unproven=tuple(unproven),
        doubts=belongs.doubts,
    )


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder that an unprivileged box can reach into, gone afterwards."""
    with temporary("recheck") as folder:
        folder.chmod(0o755)
        yield folder


# ---------------------------------------------------------------- smaller errands


def checked_verdict(folder: Path) -> Verdict:
    """The verdict of a finished run of this machine, decided again.

    Raises RequestError where it is none.
    """
    found = recheck(Asked(named=str(folder)))
    if found.verdict is None:
        raise RequestError(f"{folder} holds no verdict: {found.forged}")
    return found.verdict


def sign(folder: Path, key: Path | None) -> Signature:
    """Sign a finished ledger's head, unless it contradicts itself.

    Raises RequestError when there is no verdict to sign.
    """
    place = ledger_folder(folder)

    def signed() -> Signer:
        ledger = finished(place)
        recomputed(ledger)
        loaded = signature.load_or_create(key)
        signature.sign_head(loaded, place, ledger.head)
        return signer(loaded.public_hex, {})

    return _or_forged(str(folder), signed, place)


def verify_signature(
    named: str, trusted: Mapping[str, str], watch: Watch | None = None
) -> Signature:
    """Whose signature covers a ledger's head, that of a bundle or address too. Decides nothing."""
    with _scratch() as scratch:

        def looked() -> Signer:
            handed = open_handed(named, scratch, watch or Unwatched())
            if handed.unpacked is not None:
                return _signed(handed, trusted)[1]
            return signer(_key(handed.ledger, opened_ledger(handed.ledger)), trusted)

        return _or_forged(named, looked, scratch)


def _or_forged(named: str, errand: Callable[[], Signer], scratch: Path) -> Signature:
    try:
        return Signature(named=named, signer=errand())
    except (Forged, LedgerDamaged, BundleDamaged) as fault:
        if isinstance(fault, (LedgerUnfinished, LedgerForeign)):
            raise
        return Signature(named=named, signer=NOBODY, forged=_shown(fault, named, scratch))
