"""Benchmark data: labelled sets with a fixed test split and training defaults. Knows no torch."""
