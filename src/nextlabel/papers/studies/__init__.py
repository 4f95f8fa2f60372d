"""The papers' other studies: what can be read off finished runs, and what is measured next to them."""
