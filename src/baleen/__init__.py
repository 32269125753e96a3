"""Baleen: a complete container platform that speaks Docker's own protocols.

Each package below is one concept of the field; imports point downwards only (see
`docs/architecture.md`): `linux` and `oci` at the bottom, then `runtime`, the stores, `engine`,
`daemon`; apart from them `client` and `cli`.
"""

__version__ = "0.1.0"
