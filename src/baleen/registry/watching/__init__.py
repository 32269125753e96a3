"""What an operator sees of a registry: request ids, access log, metrics, health.

All of it stands round the application as ASGI and looks at requests and answers only; nothing here
decides anything.
"""
