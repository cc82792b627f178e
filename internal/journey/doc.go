// Package journey holds the words of Throughline as plain data: Event,
// Session, Element, Label, Signature, Rating, Verdict, Action, and the inputs
// and judgements that the journal records. Every other package speaks in these
// types. It does no I/O, reads no clock and imports nothing of ours.
//
// All times are Unix microseconds in UTC ("Micros"); all durations in JSON are
// microseconds unless a name says otherwise.
package journey
