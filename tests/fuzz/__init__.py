"""Texts that nobody wrote, for every reader of strangers' texts: `make fuzz`.

The same targets run under hypothesis with the other tests (`tests/fuzz/test_targets.py`); here
a coverage-guided fuzzer looks for longer. docs/fuzzing.md says what runs found.
"""
