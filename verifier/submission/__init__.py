"""What exactly was submitted? Pulls it, reads it, freezes what training left, weighs it.

Never executes anything of a submission, never follows a link in what a stranger wrote, and never
lets a submission's mistake look like the verifier's.
"""

from verifier.submission.manifest import Manifest, Submission, require_allowed, schema
from verifier.submission.pull import pull
from verifier.submission.shipment import Shipment, extracted, freeze, shipped_tokenizer
from verifier.submission.weigh import weigh

__all__ = [
    "Manifest",
    "Shipment",
    "Submission",
    "extracted",
    "freeze",
    "pull",
    "require_allowed",
    "schema",
    "shipped_tokenizer",
    "weigh",
]
