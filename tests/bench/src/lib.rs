//! make bench: what a function costs to start, to run and to keep.
