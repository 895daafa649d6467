"""What did the user ask? The only room that prints or exits.

Must never hold a rule: it reads words, calls the pipeline, and says what came back.
"""

from verifier.cli.main import main

__all__ = ["main"]
