// Package wire holds HTTP messages as they stood on the wire, and the seam
// between the data plane and whoever decides about an exchange: Exchange, Phase
// and Decision. The edge fills an Exchange and asks its Decider at each phase;
// the engine answers. The package knows no policy.
package wire
