"""Controllers that follow rules: what learned fleets are measured against."""
