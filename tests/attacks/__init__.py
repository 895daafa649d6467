"""Attackers, forgers and accidents against the promises of PROTOCOL: `make attacks`."""
