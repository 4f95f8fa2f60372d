"""Learners: models that can be trained on labels and predict for items."""
