"""What the papers of temporal output discrepancy print, as data."""
