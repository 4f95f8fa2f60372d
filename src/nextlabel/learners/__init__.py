"""Learners: models that can be trained on labels and asked about items.

They know pools, labels and training, and nothing of strategies, cycles, budgets or ledgers.
"""
