package main

import (
	"syscall"

	"github.com/throughline/throughline/internal/edge"
)

// ownDescriptors is what stores, listeners and the Hub take.
const ownDescriptors = 128

// fitDescriptors lowers the number of visitors' connections to what the system's
// limit allows. Beyond it a visitor would hang unaccepted; so he is told. A third
// is left for the connections to origins, of which idle visitors need none.
func (a *app) fitDescriptors(cfg *edge.Config) {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return
	}
	if room := visitorsWithin(limit.Cur); cfg.MaxConns > room {
		a.log.Warn("the limit on open files allows fewer connections than limits.connections",
			"open_files", limit.Cur, "wanted", cfg.MaxConns, "connections", room)
		cfg.MaxConns = room
	}
}

func visitorsWithin(files uint64) int {
	if files > 1<<30 {
		return 1 << 30
	}
	return max(1, (int(files)-ownDescriptors)*2/3) //nolint:gosec // bounded above
}
