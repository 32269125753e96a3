"""Benches: the same work on baleend and on what it replaces, side by side."""
