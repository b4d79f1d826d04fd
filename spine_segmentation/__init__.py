"""Segments, separates and names the vertebrae and intervertebral discs of a spine MRI series."""
