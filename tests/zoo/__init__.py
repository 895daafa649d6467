"""The honest zoo: submissions that break no rule, and what the verifier says of them."""
