"""Images out of Dockerfiles: Dockerfile -> graph of operations -> solver -> exporters.

dockerfile/    text to instructions, with places for error messages; `.dockerignore`
lowering/      instructions to a graph and the image's configuration
graph.py       the graph: operations, content-keyed, rich enough for BuildKit's LLB
solver/        runs what a target needs, in parallel, each operation once; the cache
trees.py       results of operations: file trees that never change
files/         copying, adding and checksums of files; build contexts
exec/          RUN: processes in a tree
exporters/     what becomes of the result: image, archive, directory, registry
"""
