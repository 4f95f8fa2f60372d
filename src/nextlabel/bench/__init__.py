"""Benchmarks: a grid of campaigns whose oracle knows the labels."""
