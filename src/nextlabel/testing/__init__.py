"""Conformance suites, shipped so that others can test their own strategies and learners."""
