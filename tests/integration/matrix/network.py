"""Cuts, loss, pauses, flaps, half-open connections: what happens to messages and to those who send them."""
