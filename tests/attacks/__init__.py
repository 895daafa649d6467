"""Attackers, forgers, hostile guests and accidents against PROTOCOL's promises: `make attacks`."""
