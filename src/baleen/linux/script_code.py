"""The interpreter of scripts, assembled: some 160 bytes for each architecture.

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
        "0100721c89f18b37d3ee21d6a801750a31c04439d60f94c0eb08428d0416eb020f0548894348488b"
        "4b38488b53404885c0781df6c1017403488902f6c10274054885c075064883c350eb974889d3eb92"
        "f6c10475f6f6c10875ebf7d848c1e91039c174e149895c24104989442418498b5c2408e96affffff"
    ),
    "aarch64": bytes.fromhex(
        "340aa0d294064091930240f9680240f9608640a9628e41a9649642a948018036000040b90024c11a"
        "0000020a880000371f00036be0179f9a040000140000030b02000014010000d4602600f96aae43a9"
        "2001f8b74a000036600100f94a000836600000b573420191e9ffff17f3030baae7ffff17caff1737"
        "6aff1f37e00300cb4afd50d35f01006be0feff54930a00f9800e00f9930640f9ddffff17"
    ),
}
