"""Figures that tests must not assert, because machines are shared: ratios taken in one run."""
