"""Settings of the TOD papers' experiments, data set by data set, as TOML files."""
