"""Comparisons: several recipes under one budget, and the tables and pages made from them."""
