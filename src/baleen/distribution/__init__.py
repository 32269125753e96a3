"""The registry client: finds, verifies and moves images between registries and the content store.

See: OCI distribution-spec; the distribution project's specs of token authentication.
"""
