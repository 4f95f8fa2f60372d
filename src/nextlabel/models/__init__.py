"""Networks for the embedded data sets and tests, and those of the TOD papers.

Each follows the timm contract (``forward_features``, ``forward_head``), from which learners read embeddings.
They know nothing of training, pools or labels.
"""
