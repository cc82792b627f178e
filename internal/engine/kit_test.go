package engine

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/judge"
)

const noon = int64(1_767_607_200_000_000) // 2026-01-05T10:00:00Z

// rules is a small policy with state of every kind.
const rules1 = `
kind: session
cookies: [sid]
---
kind: spec
name: Login
type: authentication_attempt
match: {method: POST, path: /login}
processing: sync
request: {form.user: username}
---
kind: label
id: fails
title: Fails often
severity: medium
points: 80
when: session.count("authentication_attempt", "failure", "10m") >= 3
---
kind: label
id: many
title: Many accounts
severity: high
points: 10
ttl: 10m
when: entity("ip").distinct("username", "authentication_attempt", "10m") >= 4
---
kind: workflow
name: Stop
trigger: {rating: malicious}
do: [stop]
---
kind: action
name: stop
type: block
`

func bundle(text string) map[string]string { return map[string]string{"p.yaml": text} }

// eventually waits for something that must come; how long it takes is no matter.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// start runs a partition with a policy in force. Ticks never come of themselves,
// and time stands still, so that a log says all.
func start(t testing.TB, cfg PartitionConfig, log Log, shed *Shed) *Partition {
	t.Helper()
	p := prepare(cfg, log, shed)
	begin(t, p)
	return p
}

func prepare(cfg PartitionConfig, log Log, shed *Shed) *Partition {
	if cfg.TickEvery == 0 {
		cfg.TickEvery = time.Hour
	}
	cfg.Retry = time.Millisecond
	cfg.Clock = func() int64 { return noon }
	return NewPartition(cfg, log, shed)
}

func begin(t testing.TB, p *Partition) {
	t.Helper()
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.Stats().Revision == "" {
		if err := p.SetPolicy(t.Context(), bundle(rules1)); err != nil {
			t.Fatal(err)
		}
	}
}

func stop(t testing.TB, p *Partition) {
	t.Helper()
	if err := p.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// attempt is a complete login.
func attempt(x uint64) *journey.Observation {
	who := x % 7
	o := &journey.Observation{Exchange: x, Phase: journey.PhaseComplete, Time: noon + int64(x)*1_000_000, Site: "shop",
		Spec: "login", Name: "Login", Type: journey.AuthenticationAttempt, Sync: true, Method: "POST",
		IP: fmt.Sprintf("192.0.2.%d", who), Agent: who, Status: 401, Outcome: journey.Failure,
		Keys: []journey.Key{{Kind: "cookie", Hash: 100 + who, Named: true}},
		Elements: []journey.Element{{ID: "ip", Value: fmt.Sprintf("192.0.2.%d", who), Entity: true, Hash: int64(1000 + who)},
			{ID: "username", Value: fmt.Sprint("u", x%5), Entity: true, Hash: int64(2000 + x%5)}}}
	if x%4 == 0 {
		o.Outcome, o.Status = journey.Success, 200
	}
	return o
}

func asked(x uint64) *journey.Observation {
	o := attempt(x)
	o.Phase, o.Status, o.Outcome = journey.PhaseRequest, 0, ""
	return o
}

func answered(x uint64) *journey.Observation {
	o := attempt(x)
	return &journey.Observation{Exchange: x, Phase: journey.PhaseResponse, Time: o.Time + 20_000, Site: "shop",
		Status: o.Status, Outcome: o.Outcome, Duration: 20_000}
}

// traffic is a mixed stream: whole observations, halves, and halves whose other
// half comes late or never.
func traffic(seed uint64, n int) []*journey.Observation {
	r := rand.New(rand.NewPCG(seed, 1))
	var out, late []*journey.Observation
	for x := range uint64(n) {
		switch r.IntN(3) {
		case 0:
			out = append(out, attempt(x))
		case 1:
			out = append(out, asked(x), answered(x))
		default:
			out = append(out, asked(x))
			if r.IntN(4) > 0 {
				late = append(late, answered(x))
			}
		}
		if len(late) > 3 {
			out = append(out, late[0])
			late = late[1:]
		}
	}
	return out
}

// feed queues everything in order and waits until it is acknowledged.
func feed(t testing.TB, p *Partition, all []*journey.Observation) {
	t.Helper()
	for _, o := range all {
		eventually(t, "room in the lane", func() bool { return len(p.sync) < cap(p.sync) })
		if err := p.Observe(o, true); err != nil {
			t.Fatal(err)
		}
	}
	quiet(t, p)
}

func quiet(t testing.TB, p *Partition) {
	t.Helper()
	// A command goes through the writer, hence after what it has taken so far.
	eventually(t, "empty lanes", func() bool { return len(p.sync)+len(p.async) == 0 })
	if err := p.SetPolicy(t.Context(), bundle(rules1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nothing in flight", func() bool { return p.inFlight.Load() == 0 })
}

// replayed is the state that the entries alone make.
func replayed(t testing.TB, entries []journey.Entry) []byte {
	t.Helper()
	s := judge.New(0)
	for i := range entries {
		if entries[i].Judgement.Fault == "" {
			s.Doom(entries[i].Judgement.Dropped)
			s.Fold(&entries[i].Input)
		} else {
			s.Drop(entries[i].Judgement.Dropped)
		}
	}
	return snapshotOf(t, s)
}

func snapshotOf(t testing.TB, s *judge.State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// observations counts the logged observations by exchange and phase.
func observations(entries []journey.Entry) (n int, twice string) {
	seen := map[string]bool{}
	for i := range entries {
		o := entries[i].Input.Observation
		if o == nil {
			continue
		}
		n++
		k := fmt.Sprintf("exchange %d phase %d", o.Exchange, o.Phase)
		if seen[k] {
			twice = k
		}
		seen[k] = true
	}
	return n, twice
}

func total(s *Shed) int {
	n := int64(0)
	for _, v := range s.Counts() {
		n += v
	}
	return int(n)
}

// noneLeft fails when the test leaves goroutines behind.
func noneLeft(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		eventually(t, "the goroutines end", func() bool { return runtime.NumGoroutine() <= before })
	})
}
