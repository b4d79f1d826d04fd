"""Stage 3 in parts: the evidence for the levels and the dynamic programme of the labeler (``labeler.py``)."""
