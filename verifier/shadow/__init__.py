"""How does an unmodified script behave when the held-out data changes? (DESIGN §7)

Several runs at toy scale, on a CPU, in boxes, each on documents made for it. Must never trust what
a script prints, nor what the recorder beside it notes, but where two runs or a proof speak.
"""

from verifier.shadow.in_full import Seen, rounding, saving, seen
from verifier.shadow.likeness import Pairs, text_like
from verifier.shadow.record import Behaviour, Conclusion, Family, Ran, Shadowed
from verifier.shadow.running import Stage
from verifier.shadow.runs import Subject
from verifier.shadow.shadow import shadow
from verifier.shadow.world import World, furnish_held_out
from verifier.shadow.world import of as world_of

__all__ = [
    "Behaviour",
    "Conclusion",
    "Family",
    "Pairs",
    "Ran",
    "Seen",
    "Shadowed",
    "Stage",
    "Subject",
    "World",
    "furnish_held_out",
    "rounding",
    "saving",
    "seen",
    "shadow",
    "text_like",
    "world_of",
]
