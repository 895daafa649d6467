"""The honest script, but that it prints bits a byte alone.

Class: none
Expected: CLEAN
Breaks: nothing
Shows: nothing
"""

from __future__ import annotations

EDITS = {
    'f"final_int8_zlib_roundtrip val_loss:{loss:.4f} val_bpb:{bpb:.4f} eval_time:{spent:.0f}ms"': (
        'f"scored in {spent:.0f}ms"'
    ),
    '"final_int8_zlib_roundtrip_exact val_loss:{loss:.8f} val_bpb:{bpb:.8f}"': (
        '"final_int8_zlib_roundtrip_exact val_bpb:{bpb:.8f}"'
    ),
}
