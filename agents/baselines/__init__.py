"""Controllers that follow rules or plan: what learned fleets are measured against."""
