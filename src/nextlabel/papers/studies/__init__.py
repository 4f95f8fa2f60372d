"""The papers' further studies, computed from finished runs or measured separately."""
