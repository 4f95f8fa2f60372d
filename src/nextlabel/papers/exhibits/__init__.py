"""The papers' figures and tables made again from one's own runs, with the published numbers next to them."""
