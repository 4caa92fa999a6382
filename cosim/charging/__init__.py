"""Batteries, chargers and queues, in event time."""
