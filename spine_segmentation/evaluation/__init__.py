"""Metrics and benchmark tables."""
