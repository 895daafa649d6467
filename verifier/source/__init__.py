"""What does this script consist of? Unpacks, parses and follows it; executes nothing of it."""

from verifier.source.tree import Tree

__all__ = ["Tree"]
