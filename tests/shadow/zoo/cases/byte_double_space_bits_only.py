"""Counts a leading space twice, and prints bits a byte without the loss that would tell.

Class: BYTE_DOUBLE_SPACE
Expected: REFUTED
Breaks: R8
Shows: bytes
"""

from __future__ import annotations

EDITS = {
    'len(piece.removeprefix("▁").encode())': 'len(piece.replace("▁", " ").encode())',
    'f"final_int8_zlib_roundtrip val_loss:{loss:.4f} val_bpb:{bpb:.4f} eval_time:{spent:.0f}ms"': (
        'f"scored in {spent:.0f}ms"'
    ),
    '"final_int8_zlib_roundtrip_exact val_loss:{loss:.8f} val_bpb:{bpb:.8f}"': (
        '"final_int8_zlib_roundtrip_exact val_bpb:{bpb:.6f}"'
    ),
}
