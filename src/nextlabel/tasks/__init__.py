"""Kinds of labels: one file per task. No torch at import."""
