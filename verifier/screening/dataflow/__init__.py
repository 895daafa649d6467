"""Which scores of a script were made of counts, and how were the counts looked up? Runs nothing."""

from verifier.screening.dataflow.observing import Observed, follow
from verifier.screening.dataflow.value import Estimate, Place, Read

__all__ = ["Estimate", "Observed", "Place", "Read", "follow"]
