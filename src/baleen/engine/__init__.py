"""The engine: joins containers, images, networks and volumes into Docker's operations.

Terms: a *live container* is the in-memory side of a container record (its lock, its supervisor
link, those who wait for it); a *supervisor* is the process beside each running container that
outlives the daemon (see `baleen.runtime`); an *exec* is one more process in a running container.

Each operation either completes or undoes what it did; what a crash leaves half done is completed
or undone by `engine.restore` at the next start. The engine knows nothing of HTTP.
The facade is `baleen.engine.engine.Engine`.
"""
