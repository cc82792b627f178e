// Package judge is the deterministic core: stitch, count, label, sign, rate,
// decide, over one partition's state. Fold is a pure function of the state and
// the input: no clock, no I/O, no randomness, no locks, nothing that depends on
// map order. The engine's partition calls it live, recovery and backtests call it
// again and get the same.
package judge
