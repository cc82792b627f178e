// Package edge is the data plane in front of the origin: listeners, TLS, the
// client-IP trust chain, the relay and its drain. It asks a Decider at each phase
// of an exchange and carries the answer out. cmd starts it; the engine decides.
//
// It promises to relay unbuffered both ways, to add nothing toward the client,
// and to go on relaying whatever its Decider does. This first version stands on
// net/http; the seam (wire.Exchange, Decider) is what stays.
package edge
