"""In what order, for one submission? The story of a verdict, and the smaller errands beside it.

Must never contain a rule: what follows from what was observed is `verdict.decide`'s to say.
"""

from verifier.pipeline.bundling import Bundled, bundle_run
from verifier.pipeline.errands import build_data, build_image, import_data, show_image
from verifier.pipeline.evidence import Indexed, report
from verifier.pipeline.rechecking import (
    Asked,
    Rechecked,
    Signature,
    checked_verdict,
    read_trusted,
    recheck,
    sign,
    verify_signature,
)
from verifier.pipeline.request import Report, Request
from verifier.pipeline.verify import verify

__all__ = [
    "Asked",
    "Bundled",
    "Indexed",
    "Rechecked",
    "Report",
    "Request",
    "Signature",
    "build_data",
    "build_image",
    "bundle_run",
    "checked_verdict",
    "import_data",
    "read_trusted",
    "recheck",
    "report",
    "show_image",
    "sign",
    "verify",
    "verify_signature",
]
