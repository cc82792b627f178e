// Package policy reads policy folders: strict YAML documents that compile into
// one immutable Snapshot. The engine and the judge read the Snapshot; the CLI
// and the Hub show its Faults. Compile is deterministic and does no I/O; Load
// reads a folder.
package policy
