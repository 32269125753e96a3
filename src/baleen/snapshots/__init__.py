"""Snapshots: unpacked layers, and writable root file systems on top of them.

The contract and its terms are in `snapshotter`; `overlay` is the implementation.
"""
