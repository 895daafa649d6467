"""What exactly was submitted? Pulls it, reads it, freezes what training left, weighs it.

Never executes anything of a submission, never follows a link in what a stranger wrote, and never
lets a submission's mistake look like the verifier's.
"""

from verifier.submission.contents import contents_of
from verifier.submission.forge import Forge, ForgeFacts
from verifier.submission.gathering import Contents
from verifier.submission.manifest import Manifest, Script, Submission, require_allowed, schema
from verifier.submission.pull import frozen, pull
from verifier.submission.pull_request import PullRequest, Shape, pull_request, pull_requests
from verifier.submission.reference import repository_of
from verifier.submission.remote import fetched
from verifier.submission.repository import Repository
from verifier.submission.shipment import (
    ARTIFACT,
    Shipment,
    extracted,
    freeze,
    shipped_tokenizer,
)
from verifier.submission.submitted import Submitted, submitted
from verifier.submission.weigh import weigh

__all__ = [
    "ARTIFACT",
    "Contents",
    "Forge",
    "ForgeFacts",
    "Manifest",
    "PullRequest",
    "Repository",
    "Script",
    "Shape",
    "Shipment",
    "Submission",
    "Submitted",
    "contents_of",
    "extracted",
    "fetched",
    "freeze",
    "frozen",
    "pull",
    "pull_request",
    "pull_requests",
    "repository_of",
    "require_allowed",
    "schema",
    "shipped_tokenizer",
    "submitted",
    "weigh",
]
