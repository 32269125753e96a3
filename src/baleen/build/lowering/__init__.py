"""From a Dockerfile to a graph of operations and the configuration of an image.

See: Dockerfile reference; BuildKit, frontend/dockerfile/dockerfile2llb.
"""
