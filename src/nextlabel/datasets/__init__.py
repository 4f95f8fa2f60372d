"""Benchmark data: labelled sets with a fixed test split and a recipe to train on them. Knows no torch."""
