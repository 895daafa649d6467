"""Texts that nobody wrote, for every reader of strangers' texts: `make fuzz`.

The same targets run under hypothesis with the other tests (`tests/source/test_hostile.py`); here
a coverage-guided fuzzer looks for longer. docs/fuzzing.md says what runs found.
"""
