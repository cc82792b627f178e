// Package engine is the Realtime Engine behind the data plane: capture, enrich,
// judge, act, record, one page each. The edge asks its Decider (Engine) at each
// phase of an exchange; the engine asks the Judge of the site's partition and
// turns the Verdict into a Decision. Partition is the local Judge: one writer
// that folds observations in order and records each before it counts.
//
// It promises that no trouble of its own (a full queue, a stopped journal, a
// panicking rule) ever holds or breaks an exchange: a sync verdict has a
// deadline, after which the route's failure policy applies, and whatever is not
// recorded is counted by reason.
package engine
