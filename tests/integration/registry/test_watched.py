"""What an operator sees of a running registry: notifications, metrics, health, access log."""

from __future__ import annotations

import http.server
import json
import queue
import re
import socket
import threading
import urllib.request

import pytest
from registry_served import htpasswd, image_layout, push, serve

pytestmark = pytest.mark.integration


@pytest.fixture
def hook():
    """A webhook's receiver, and the envelopes that it got."""
    got = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.put((self.headers["Content-Type"], json.loads(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", got
        server.shutdown()
        thread.join()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.status, answer.read().decode()


def test_a_push_is_told_counted_and_logged(tmp_path, hook):
    url, got = hook
    debug = free_port()
    endpoint = {"name": "hook", "url": url, "ignore": {"actions": ["pull"]}}
    tree = {
        "auth": {"htpasswd": {"path": htpasswd(tmp_path / "people", ann="secret")}},
        "notifications": {"endpoints": [endpoint]},
        "http": {
            "addr": "127.0.0.1:0",
            "debug": {"addr": f"127.0.0.1:{debug}", "prometheus": {"enabled": True}},
        },
    }
    with serve(tmp_path / "registry", **tree) as registry:
        code, said = push(image_layout(tmp_path / "image"), registry.address, "a/b:1", "ann:secret")
        assert code == 0, said
        told = []
        while not any(event["target"].get("tag") == "1" for event in told):
            kind, envelope = got.get(timeout=20)
            assert kind == "application/vnd.docker.distribution.events.v2+json"
            told += envelope["events"]
        event = told[-1]
        assert (event["action"], event["actor"]["name"]) == ("push", "ann")
        assert event["target"]["repository"] == "a/b"
        assert event["request"]["method"] == "PUT"
        assert event["request"]["id"]
        assert event["request"]["useragent"].startswith("skopeo")
        assert len(told) == 3
        status, text = fetch(f"http://127.0.0.1:{debug}/metrics")
        assert status == 200
        assert (
            'registry_http_requests_total{code="201",handler="manifest",method="PUT"} 1.0' in text
        )
        assert fetch(f"http://127.0.0.1:{debug}/debug/health") == (200, "{}")
        assert fetch(f"{registry.url}/health") == (200, '{"status":"ok"}')
    assert re.search(r'127.0.0.1 - ann \[.*"PUT /v2/a/b/manifests/1 HTTP/1.1" 201', registry.log)
    assert "secret" not in registry.log
