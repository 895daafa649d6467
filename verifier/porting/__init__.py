"""How does a script become a submission of contract scorer/1? Rewritten, never executed."""

from verifier.porting.given import Given, given, read_given
from verifier.porting.port import port, write
from verifier.porting.record import Counts, Port, Remark, Where

__all__ = ["Counts", "Given", "Port", "Remark", "Where", "given", "port", "read_given", "write"]
