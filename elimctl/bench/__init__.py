"""Speed and memory targets, measured: ratios within one run, for machines differ."""
