"""Operators of the Deploy SDK: each receives, calls one stage of the library and emits."""
