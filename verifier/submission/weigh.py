"""What does a shipment weigh, every way it is counted (R1, PROTOCOL §6)?

Measures only: which figure counts and whether it is too large is for `size.counted_bytes` and the
audit. Must never take a size from the submission's own words.

The accepted convention counts code as a self-unpacking wrapper of the minified source. For each
file we count the shorter of the file as it is and `wrapped`, a wrapper anybody could ship in the
file's place with the same effect. So the figure is never below what honestly shipping that code
costs, and code that arrives packed is counted as it stands.
"""

from __future__ import annotations

import base64
import lzma

from verifier.policy import SizeRule
from verifier.records import Weighing
from verifier.submission.manifest import MANIFEST_NAME, Submission
from verifier.submission.minify import MINIFIED_AT_MOST, minified
from verifier.submission.shipment import Shipment

_LZMA2_BEST = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}
_STUB = (
    b'import lzma as l,base64 as b;exec(l.decompress(b.b85decode("%s"),3,None,'
    b'[{"id":33,"preset":9}]))'
)


def weigh(shipment: Shipment, submission: Submission, rule: SizeRule, *, seed: int) -> Weighing:
    """Weigh one frozen shipment of `submission`, trained with `seed`. All sizes in bytes."""
    sources = [(shipment.folder / "code" / item.path).read_bytes() for item in shipment.code]
    own = shipment.tokenizer
    return Weighing(
        seed=seed,
        artifact_digest=shipment.artifact_digest,
        shipment_digest=shipment.digest,
        artifact_bytes=sum(item.size for item in shipment.artifact),
        name_bytes=sum(len(name.encode()) for name in shipment.names),
        code_raw_bytes=sum(item.size for item in shipment.code),
        code_packed_bytes=sum(
            len(source) if item.path == MANIFEST_NAME else packed_bytes(source)
            for item, source in zip(shipment.code, sources, strict=True)
        ),
        tokenizer_bytes=own.size if own else 0,
        tokenizer_free=own is None or own.sha256 in rule.free_tokenizers,
        tar_bytes=shipment.tar_bytes,
        files=len(shipment.names),
        objections=shipment.objections,
    )


def packed_bytes(source: bytes) -> int:
    """Size in bytes of one code file by the accepted convention."""
    if len(source) > MINIFIED_AT_MOST:
        return len(source)
    return min(len(source), len(wrapped(source)))


def wrapped(source: bytes) -> bytes:
    """The file that unpacks and runs `source`: a stub, base 85, LZMA2 at its best setting.

    The same for every Python from 3.11 to 3.13 as long as the tokens are; liblzma's encoder has
    been stable at this setting since 5.0.
    """
    packed = lzma.compress(minified(source), format=lzma.FORMAT_RAW, filters=[_LZMA2_BEST])
    return _STUB % base64.b85encode(packed)
