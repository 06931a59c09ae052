"""Sampling, sessions and evaluation."""
