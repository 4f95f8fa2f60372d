"""Networks for the built-in data sets, and those of the TOD papers.

Each follows the timm contract (``forward_features``, ``forward_head``), from which learners read embeddings.
"""
