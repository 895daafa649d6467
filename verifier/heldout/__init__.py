"""What is the secret, in bytes, tokens and windows? The held-out data room.

Only `scoring`, `shadow` and `pipeline` may import it; nothing in it is ever mounted into a box
but a data set's training folder.
"""

from verifier.heldout.canaries import find_bytes, plant
from verifier.heldout.competition import import_competition
from verifier.heldout.data import HeldOut, unopened
from verifier.heldout.data import open_folder as open_imported
from verifier.heldout.embedded import MANIFEST as EMBEDDED_MANIFEST
from verifier.heldout.embedded import NAME as EMBEDDED_NAME
from verifier.heldout.embedded import build, open_embedded
from verifier.heldout.tokens import Tokens
from verifier.heldout.windows import Scan, scan, scan_cached

__all__ = [
    "EMBEDDED_MANIFEST",
    "EMBEDDED_NAME",
    "HeldOut",
    "Scan",
    "Tokens",
    "build",
    "find_bytes",
    "import_competition",
    "open_embedded",
    "open_imported",
    "plant",
    "scan",
    "scan_cached",
    "unopened",
]
