"""Small networks for tests, tutorials and the embedded data sets.

Each follows the timm contract (``forward_features``, ``forward_head``), from which learners read embeddings.
They know nothing of training, pools or labels.
"""
