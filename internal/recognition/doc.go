// Package recognition measures on a site's own traffic how well visitors are
// recognised. Log-ins are labels that cost nothing: a Measure folds the journal's
// observations anew into sessions and Spec IDs, hides every account from that, and
// afterwards holds the Spec IDs it gave against the accounts that signed in. A
// Measure reads no clock and no disk: the same entries give the same Report. A
// Service has it done beside the traffic, one question at a time, and remembers
// the answers.
package recognition
