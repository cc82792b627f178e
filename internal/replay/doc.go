// Package replay runs journey scripts: plain text files in which an analyst
// writes requests with their times and what must come of them. The scripts go
// through the real engine, capture and judge; only sockets and clocks are
// missing. `throughline policy test` and the project's own tests call it.
package replay
