"""Stations as a study of their own: customers, replications, exact values to hold them against."""
