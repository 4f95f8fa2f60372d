"""Reports of finished runs: pure functions of the files in a run directory, which load no torch."""
