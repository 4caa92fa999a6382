"""Who decides for the electric vehicles. Sees `cosim.interface` and nothing else of the co-simulation."""

#: Proves that this package is ours: another distribution ships a top-level `agents` too.
DISTRIBUTION = "ev-cosim"
