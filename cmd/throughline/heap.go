package main

import (
	"os"
	"runtime"
	"runtime/debug"
	gc "runtime/metrics"
)

// heapRoom is what may be allocated between two garbage collections at least. What a
// collection costs goes by what is live, how often one comes by what there is room
// for: a small process that allocates some megabytes a second would else collect
// every few seconds, for nothing but memory that nobody asked for.
const heapRoom = 96 << 20

// giveRoom has every collection followed by heapRoom, or by as much as is live where
// that is more, which is what Go does. Whoever sets GOGC has his way.
func giveRoom() {
	if os.Getenv("GOGC") == "" {
		afterCollection()
	}
}

// afterCollection sees to the room, now and after each collection: its end is when
// what nobody holds is finalised.
func afterCollection() {
	debug.SetGCPercent(percentFor(liveHeap()))
	runtime.SetFinalizer(&struct{ _ [16]byte }{}, func(*struct{ _ [16]byte }) { afterCollection() })
}

// liveHeap is what the last collection left.
func liveHeap() uint64 {
	s := []gc.Sample{{Name: "/gc/heap/live:bytes"}}
	gc.Read(s)
	if s[0].Value.Kind() != gc.KindUint64 {
		return 0
	}
	return s[0].Value.Uint64()
}

// percentFor is Go's setting by which the heap has room to grow; while little is live,
// no more than what makes the next collection find out.
func percentFor(live uint64) int {
	const most = 1000
	return int(min(max(100*heapRoom/max(live, 1), 100), most))
}
