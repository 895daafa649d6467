"""What are the rules, exactly? Dated data, complete or refused.

A policy has no defaults: every key must stand in its file, and an unknown one is an error. A file
is never edited once a verdict cites its digest; a new rule is a new file (DESIGN law 7).

Must never judge: what a number means for a submission is the audits' to say.
"""

from verifier.policy.reading import PolicyFile, as_shipped, digest, load, names, parse, schema
from verifier.policy.rules import (
    CPU,
    AuditRule,
    CalibrationRule,
    ClaimRule,
    DataRule,
    HardwareRule,
    IsolationRule,
    Policy,
    RecordRule,
    ReplayRule,
    ScoreRule,
    SecrecyRule,
    SeedRule,
    SizeRule,
    TrainRule,
    Weigh,
)

__all__ = [
    "CPU",
    "AuditRule",
    "CalibrationRule",
    "ClaimRule",
    "DataRule",
    "HardwareRule",
    "IsolationRule",
    "Policy",
    "PolicyFile",
    "RecordRule",
    "ReplayRule",
    "ScoreRule",
    "SecrecyRule",
    "SeedRule",
    "SizeRule",
    "TrainRule",
    "Weigh",
    "as_shipped",
    "digest",
    "load",
    "names",
    "parse",
    "schema",
]
