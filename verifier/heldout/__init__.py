"""What is the secret, in bytes, tokens and windows? The held-out data room.

Only `scoring`, `shadow` and `pipeline` may import it; nothing in it is ever mounted into a box
but a data set's training folder.
"""

from verifier.heldout.data import HeldOut, open_folder
from verifier.heldout.embedded import build, open_embedded
from verifier.heldout.tokens import Tokens

__all__ = ["HeldOut", "Tokens", "build", "open_embedded", "open_folder"]
