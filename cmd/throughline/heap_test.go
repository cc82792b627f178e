package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestTheHeapHasRoomWhileLittleIsLive(t *testing.T) {
	const mb = 1 << 20
	for live, want := range map[uint64]int{0: 1000, 4 * mb: 1000, 32 * mb: 300, 48 * mb: 200, 96 * mb: 100, 2000 * mb: 100} {
		if got := percentFor(live); got != want {
			t.Errorf("%d MB live: %d %%, want %d", live/mb, got, want)
		}
	}
	t.Cleanup(func() { debug.SetGCPercent(100) })
	afterCollection()
	held := make([]byte, 200*mb)
	for range 2 { // it goes by what is live after each
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			runtime.GC()
			if percent := debug.SetGCPercent(1); percent == percentFor(liveHeap()) && (percent == 100) == (held != nil) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("never %d %%", percentFor(liveHeap()))
			}
		}
		runtime.KeepAlive(held)
		held = nil
	}
}
