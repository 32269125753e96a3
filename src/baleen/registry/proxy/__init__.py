"""The pull-through cache: a registry that fetches from another what it does not have.

    client ─► route ─► Cache ─┬─ local and fresh ──────────────► served
                              └─ UpstreamClient ─► Incoming ─┬─► served as it comes
                                                             └─► Contents, verified

A *tag* is believed for a while (`tagttl`) and then asked for again; while the upstream is down it
stays as it was. What has a digest never changes. Nothing of a client's credentials goes upstream:
the cache has its own, and whom it serves with what they open is decided by our own `auth`, or else
by asking the upstream what everybody may see.
"""
