"""What we claim about speed, measured. `make benchmark`, or `python -m benchmarks --help`."""
