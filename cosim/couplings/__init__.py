"""Power flow by simulators from elsewhere: over mosaik's TCP protocol, and what we offer to others by it."""
