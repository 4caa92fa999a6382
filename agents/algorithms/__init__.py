"""Algorithms that learn, one file each."""
