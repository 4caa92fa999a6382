"""Who decides for the electric vehicles. Sees `cosim.interface` and `cosim.planning`, nothing else of `cosim`."""

#: Proves that this package is ours: another distribution ships a top-level `agents` too.
DISTRIBUTION = "ev-cosim"
