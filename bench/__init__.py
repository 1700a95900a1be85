"""Benchmarks of ReserveAPI, run by `make bench`. docs/benchmarks.md tells how to read them."""
