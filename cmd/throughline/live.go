package main

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/throughline/throughline/internal/hub"
	"github.com/throughline/throughline/internal/journey"
)

// broadcast hands what became visible to every open live stream. A slow reader
// loses messages, counted; nobody waits for it. Safe for concurrent use.
type broadcast struct {
	opened func() // told that somebody begins to listen

	mu   sync.Mutex
	subs map[*subscription]struct{}
}

type subscription struct {
	ch      chan hub.LiveItem
	dropped atomic.Int64
}

const liveBuffer = 256

// Subscribe implements hub.Live.
func (b *broadcast) Subscribe(ctx context.Context) (<-chan hub.LiveItem, func() int64) {
	s := &subscription{ch: make(chan hub.LiveItem, liveBuffer)}
	b.mu.Lock()
	if b.subs == nil {
		b.subs = map[*subscription]struct{}{}
	}
	b.subs[s] = struct{}{}
	b.mu.Unlock()
	b.opened()
	context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.subs, s)
		close(s.ch)
	})
	return s.ch, s.dropped.Load
}

// heard tells whether anybody listens.
func (b *broadcast) heard() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.subs) > 0
}

// publish is called by ingest after each batch.
func (b *broadcast) publish(events []journey.Event, sessions []journey.Session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.subs) == 0 {
		return
	}
	byID := make(map[journey.ID]journey.Session, len(sessions))
	for _, s := range sessions {
		byID[s.ID] = s
	}
	for _, e := range events {
		item := hub.LiveItem{Event: e, Session: byID[e.SessionID]}
		for s := range b.subs {
			select {
			case s.ch <- item:
			default:
				s.dropped.Add(1)
			}
		}
	}
}
