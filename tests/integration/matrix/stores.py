"""Stores, clocks, disks, operators and membership: what happens beside the network."""
