// Package capture turns matched exchanges into Elements: it finds the Spec of a
// request, reads exactly the values that Spec names, normalises and hashes them,
// learns session keys (as keyed hashes) and tells the outcome. The engine calls
// it; what no Spec names is never read, and nothing read is kept but Elements.
package capture
