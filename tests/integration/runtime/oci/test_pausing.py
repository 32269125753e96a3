"""`pause`, `resume`, and `paused` as a status."""


def test_a_paused_container_says_so_until_it_is_resumed(runtime):
    runtime.configure("sleep", "100")
    runtime.create()
    runtime("resume", "c1", code=1)
    assert "container not paused" in runtime.errors
    runtime("start", "c1")
    runtime("pause", "c1")
    assert runtime.state()["status"] == "paused"
    runtime("pause", "c1", code=1)
    assert "container not running" in runtime.errors
    runtime("exec", "c1", "true", code=255)
    assert "cannot exec in a paused container" in runtime.errors
    runtime("resume", "c1")
    assert runtime.state()["status"] == "running"
    assert runtime("exec", "c1", "echo", "on") == "on\n"
    runtime.kill()
    runtime("delete", "c1")
