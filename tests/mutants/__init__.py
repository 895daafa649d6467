"""Would the tests notice? Each deciding room with one small fault at a time: `make mutants`.

`rooms` says whose faults which tests judge, `making` makes them with mutmut, `judging` runs the
tests against each, `keeping` remembers, `equivalents` knows the faults that are none.
"""
