"""The honest script as one line that unpacks and runs it.

Class: none
Expected: CLEAN
Breaks: nothing
Shows: nothing
"""

PACKED = True
