"""Roads, congestion, routes and vehicles, in event time."""
