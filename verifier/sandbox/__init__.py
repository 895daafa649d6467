"""How did this command end, seen from outside? Knows no competitions, scores or secrets."""
