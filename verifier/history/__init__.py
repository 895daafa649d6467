"""The same for thousands: triage, lineage, significance, leaderboard, queue. Decides about none."""
