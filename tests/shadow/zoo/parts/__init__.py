"""What several cases have in common."""
