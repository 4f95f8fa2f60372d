"""Where the cells of a benchmark run: processes of this machine."""
