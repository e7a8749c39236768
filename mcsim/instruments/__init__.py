"""Instruments: one file each says what streams a kind of exposure yields."""
