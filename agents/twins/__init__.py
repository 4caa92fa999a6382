"""Digital twins of the vehicles: what they predict, what they share, and what that gives away."""
