"""What does each held-out token cost? The host drives scorer boxes: commit, charge, reveal, replay.

Must never reveal a token before its charge is fixed, and never judge: it records what boxes
answered, and `audits/` says what that means.
"""
