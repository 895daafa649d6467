"""What was observed, in order? Hash-chained events, and the arrays beside them. (PROTOCOL §5)

A folder: `ledger.jsonl`, one canonical JSON line per event, each naming the hash of the one before;
`charges/` and `arrays/`, flat little-endian files that can be memory-mapped; `policy.yaml`, the
rules it was made under. One changed byte in any of them is refused, with its place.

Must never forget: nothing is rewritten but a last line that a crash tore, nothing removed but what
that line would have named. Must never see a tensor.
"""

from verifier.ledger.chain import FORMAT, score_root
from verifier.ledger.ledger import Ledger
from verifier.ledger.root import root_parts

__all__ = ["FORMAT", "Ledger", "root_parts", "score_root"]
