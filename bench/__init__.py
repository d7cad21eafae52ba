"""Benchmarks: every number is printed beside its baseline from the same run, because only ratios travel."""
