"""The doctor against made-up machines."""
