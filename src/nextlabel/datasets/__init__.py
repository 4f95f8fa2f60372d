"""Benchmark data: labelled sets with a fixed test split and training defaults, loaded without torch."""
