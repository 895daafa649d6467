"""How does an unmodified script behave when the held-out data changes? (DESIGN §7)

Several runs at toy scale, on a CPU, in boxes, each on documents made for it. Must never trust what
a script prints, nor what the recorder beside it notes, but where two runs or a proof speak.
"""

from verifier.shadow.in_full import counted, rounding, saving
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
    "Shadowed",
    "Stage",
    "Subject",
    "World",
    "counted",
    "furnish_held_out",
    "rounding",
    "saving",
    "shadow",
    "text_like",
    "world_of",
]
