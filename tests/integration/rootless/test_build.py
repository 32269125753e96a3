"""Builds without root: RUN and its mounts in the user's own namespaces."""

import pytest

pytestmark = pytest.mark.integration

DOCKERFILE = """FROM busybox
RUN echo made > /made && chown 5:6 /made
RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t --mount=source=.,target=/b \\
    ls /b/Dockerfile && touch /c/x /t/x && stat -c '%u %g' /made
"""


def test_a_build_runs(rootless, tmp_path):
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    out = rootless.out("build", "--no-cache", "-q", str(tmp_path))
    assert out.strip().startswith("sha256:")
    image = out.strip()
    assert rootless.out("run", "--rm", image, "stat", "-c", "%u %g", "/made") == "5 6"
    names = rootless.out("run", "--rm", image, "ls", "/").split()
    assert not {"b", "c", "t"} & set(names)
    rootless.docker("rmi", image)
    rootless.docker("builder", "prune", "-af")
