"""The papers' figures and tables, reproduced from your own runs and compared with the published numbers."""
