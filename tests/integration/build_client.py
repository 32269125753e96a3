"""Builds by the API alone: the context as a tar, the answer as its messages."""

from __future__ import annotations

import io
import json
import tarfile


def tar_of(**files: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def post(engine, query: str, body: bytes, **headers: str):
    return engine.api(
        "POST", f"/build?{query}", body, headers={"Content-Type": "application/x-tar", **headers}
    )


def messages(answer) -> list[dict]:
    assert answer.status == 200, answer
    return [json.loads(line) for line in answer.body.decode().split("\r\n") if line]


def streamed(answer) -> str:
    return "".join(message.get("stream", "") for message in messages(answer))
