"""Boards that do not exist, for a server that does: see scripts/simulated_boards.py."""
