"""Co-simulation of electric vehicles in a damaged power system."""
