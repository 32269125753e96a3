"""What becomes of a build's result.

image       into the image store, under its names
archive     an OCI layout or Docker's tar
files       the files: as a tar, or one by one
push        to a registry
attesting   provenance and a list of packages beside the image
"""

from baleen.build.exporters.outputs import Output, parse_outputs

__all__ = ["Output", "parse_outputs"]
