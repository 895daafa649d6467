"""golf-verifier: is this submission's score real, in time, in size, and earned without peeking?"""

__version__ = "0.1.0"
