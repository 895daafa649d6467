"""Submissions that cheat, and what must be said of each. `honest/` is what they start from."""
