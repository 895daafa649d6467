"""Trains, packs, reads back and scores windows side by side: the honest script as it stands.

Class: none
Expected: CLEAN
Breaks: nothing
Shows: nothing
"""
