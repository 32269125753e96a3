"""Runs what a target needs: in parallel, each operation once, and what the cache has not at all.

solver.py     a build's run over its graph
outcome.py    what it has come to
flights.py    one run of equal operations for all builds that want it
checking.py   whether a graph makes sense
keys.py       what the cache knows an operation by
cache.py      results by key, in the state database (records.py)
prune.py      what of them goes
importing.py  results of other machines; cache_index.py: those that an image carries
why.py        what a verdict of the cache is made of
"""
