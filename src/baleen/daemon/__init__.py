"""`baleend`: the Engine API over HTTP, the configuration, the signals; wires everything.

A connection (`http_server`) hands each request to the table of operations (`routing`,
`routes_*`), which reads the query and body, calls the engine and writes what it returns;
`errors_http` turns the one exception tree into statuses. `listeners` makes the sockets,
`config` reads flags and daemon.json, `zygote_process` keeps the zygote, `main` joins them.
"""

__all__: list[str] = []
