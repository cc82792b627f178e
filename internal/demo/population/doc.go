// Package population plays the visitors of the demo shop: good customers with
// habits, a search bot that behaves, and attackers. They speak HTTP or HTTPS to
// a base address with the headers, cookies, subresources and pauses of what
// they claim to be, and say in X-Forwarded-For which public address they come
// from; whoever sits in front must trust loopback as a proxy.
//
// The demo command and tests call Run. What every visitor does is a function of
// the seed; only the clock is not. Who they really are is recorded in a Truth,
// outside the traffic, so that detection can be scored (see Score).
package population
