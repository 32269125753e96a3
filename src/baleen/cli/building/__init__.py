"""`baleen build`: the client's side of a build.

context     what is sent: a directory without what `.dockerignore` leaves out, an archive, a URL
settings    the flags as query and prelude of the request
exchange    the request and its answer, in frames or as dockerd has them
display     progress as text
receiving   outputs that come back: archives, directories
graph       the build as a picture
"""

from __future__ import annotations

__all__: list[str] = []
