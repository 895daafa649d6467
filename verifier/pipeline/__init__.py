"""In what order, for one submission? The story of a verdict, and the smaller errands beside it.

Must never contain a rule: what follows from what was observed is `verdict.decide`'s to say.
"""

from verifier.pipeline.errands import build_data, build_image, import_data, show_image
from verifier.pipeline.evidence import recheck, report, sign, verify_signature
from verifier.pipeline.request import Rechecked, Report, Request
from verifier.pipeline.verify import verify

__all__ = [
    "Rechecked",
    "Report",
    "Request",
    "build_data",
    "build_image",
    "import_data",
    "recheck",
    "report",
    "show_image",
    "sign",
    "verify",
    "verify_signature",
]
