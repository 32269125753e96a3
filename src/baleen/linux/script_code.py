"""The interpreter of scripts, assembled: 150 bytes for each architecture.

The sources, with comments, are tools/script/x86_64.s and tools/script/aarch64.s; a test assembles
them and compares.
"""

from __future__ import annotations

__all__ = ["CODE", "MACHINE"]

# e_machine of the ELF header (EM_X86_64, EM_AARCH64).
MACHINE = {"x86_64": 62, "aarch64": 183}
CODE = {
    "x86_64": bytes.fromhex(
        "41bc00105100498b1c24488b03488b7b08488b7310488b53184c8b53204c8b43284c8b4b303d0000"
        "0100750f0fb60721f039d00f94c00fb6c0eb020f0548894348488b4b38488b53404885c0781df6c1"
        "017403488902f6c10274054885c075064883c350eba44889d3eb9ff6c10475f6f6c10875ebf7d848"
        "c1e91039c174e149895c24104989442418498b5c2408e977ffffff"
    ),
    "aarch64": bytes.fromhex(
        "340aa0d294064091930240f9680240f9608640a9628e41a9649642a92900a0d21f0109ebc1000054"
        "000040390000010a1f00026be0179f9a02000014010000d4602600f96aae43a92001f8b74a000036"
        "600100f94a000836600000b573420191ebffff17f3030baae9ffff17caff17376aff1f37e00300cb"
        "4afd50d35f01006be0feff54930a00f9800e00f9930640f9dfffff17"
    ),
}
