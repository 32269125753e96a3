"""The registry server: keeps images and serves them to any OCI client.

See: OCI distribution-spec 1.1.
"""
