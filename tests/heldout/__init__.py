"""Held-out data: cutting, shards, tokens, import and secrecy."""
