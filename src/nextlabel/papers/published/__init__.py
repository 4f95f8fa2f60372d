"""The numbers printed in the papers on temporal output discrepancy, as data."""
