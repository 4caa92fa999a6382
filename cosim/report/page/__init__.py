"""The page that `cosim report` writes: one file that opens from disk."""
