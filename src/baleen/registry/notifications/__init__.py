"""Notifications: events of the registry, sent to endpoints (webhooks) in distribution's envelope.

    route ── emit ──► queue (SQLite, one row for each event and endpoint) ──► courier ──► endpoint

`emit` writes a row and returns; a slow or absent endpoint costs a push nothing. Rows stay until the
endpoint has answered, across restarts and kill -9. An endpoint gets its events in order, at least
once: its id tells a repetition.

See: distribution's documentation, "Notifications".
"""
