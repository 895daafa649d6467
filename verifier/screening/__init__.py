"""What do source, claims and logs show without running? Its best word is "nothing found"."""

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule

__all__ = ["Confidence", "Location", "Remark", "Rule"]
