"""In which order does a program learn, score and export? Follows it; runs nothing."""

from verifier.screening.story.follow import Story, read_story

__all__ = ["Story", "read_story"]
