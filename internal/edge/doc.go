// Package edge is the data plane in front of the origin: listeners, TLS, the
// client-IP trust chain, the relay and its drain. It asks a Decider at each phase
// of an exchange and carries the answer out. cmd starts it; the engine decides.
//
// It promises to relay unbuffered both ways and byte for byte but for what must
// change, to add nothing toward the client, to refuse what two parties could read
// in two ways, and to go on relaying whatever its Decider does.
//
// Reading order: listen (a connection comes), visit (HTTP/1.1) and stream
// (HTTP/2), which are fronts to an exchange; exchange (from head to end), upload
// and relay (to the origin), download (back), respond (answers of our own). Then what
// makes the common case cheap: straight (nobody asks, and all is there at once), lane,
// passenger, hire (the same without a goroutine for each connection), lanes (how many).
package edge
