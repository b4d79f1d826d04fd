"""Stage 2 in parts: what the instance splitter (``instances.py``) is made of."""
