"""Shadow runs: what scripts do, told from what they print and lose."""
