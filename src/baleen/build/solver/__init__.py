"""Runs what a target needs: in parallel, each operation once, and what the cache has not at all.

solver.py     a build's run over its graph
flights.py    one run of equal operations for all builds that want it
keys.py       what the cache knows an operation by
cache.py      results by key, in the state database
why.py        what a verdict of the cache is made of
"""
