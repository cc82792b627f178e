package judge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

const (
	second = int64(1_000_000)
	minute = 60 * second
	noon   = int64(1_767_607_200_000_000) // 2026-01-05T10:00:00Z
)

// rules is the policy of most tests: each feature of the judge once.
const rules = `
kind: session
cookies: [sid]
timeout: 30m
---
kind: spec
name: Login
type: authentication_attempt
match: {method: POST, path: /login}
processing: sync
---
kind: label
id: fails
title: Fails often
severity: medium
points: 40
on: [authentication_attempt]
when: session.count("authentication_attempt", "failure", "10m") >= 3
---
kind: label
id: many_accounts
title: Many accounts
severity: high
points: 10
on: [authentication_attempt]
ttl: 1h
when: entity("ip").distinct("username", "authentication_attempt", "10m") >= 4
---
kind: label
id: big
title: Spends much
severity: low
points: 10
repeat: true
on: [transaction]
when: session.sum("transaction_amount", "transaction", "success", "1h") >= 100.0
---
kind: label
id: secret
title: Only tried
severity: critical
points: 100
mode: shadow
when: event.type == "page_view"
---
kind: label
id: after_secret
title: Must never be placed
severity: critical
points: 100
when: session.has_label("secret")
---
kind: label
id: new_device
title: Long unseen address
severity: info
points: 0
when: entity("ip").first_seen() == event.time && !session.new
---
kind: signature
id: stuffing
title: Credential stuffing
all: [many_accounts]
any: [fails, big]
rating: malicious
---
kind: workflow
name: Stop stuffing
trigger: {signature: stuffing}
on: [authentication_attempt]
do: [tell, stop, away]
---
kind: workflow
name: Try on failing
trigger: {label: fails}
mode: shadow
do: [away]
---
kind: action
name: tell
type: tag
header: X-Risk
value: "{rating} {labels}"
---
kind: action
name: stop
type: block
---
kind: action
name: away
type: redirect
location: /help
`

// other keeps one window of rules and drops the rest.
const other = `
kind: spec
name: Login
type: authentication_attempt
match: {method: POST, path: /login}
---
kind: label
id: fails
title: Fails often
severity: medium
points: 40
on: [authentication_attempt]
when: session.count("authentication_attempt", "failure", "10m") >= 4
---
kind: label
id: distinct_agents
title: Many agents
severity: medium
points: 40
when: entity("ip").distinct("user_agent", "1h") >= 3
`

func use(t testing.TB, s *State, text string) {
	t.Helper()
	in := journey.Input{Kind: journey.InputPolicy, Time: noon, Policy: map[string]string{"p.yaml": text}}
	if j := s.Fold(&in); j.Fault != "" {
		t.Fatal(j.Fault)
	}
}

func fresh(t testing.TB, text string) *State {
	t.Helper()
	s := New(3)
	use(t, s, text)
	return s
}

func hash63(s string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return int64(h.Sum64() >> 1)
}

func entity(id, value string) journey.Element {
	return journey.Element{ID: id, Value: value, Entity: true, Hash: hash63(id + "=" + value)}
}

func cookie(n uint64) journey.Key { return journey.Key{Kind: "cookie", Hash: n, Named: true} }

// login is a complete authentication attempt of a visitor.
func login(x uint64, at int64, ip, user string, o journey.Outcome, keys ...journey.Key) *journey.Observation {
	return &journey.Observation{Exchange: x, Phase: journey.PhaseComplete, Time: at, Site: "shop", Spec: "login", Name: "Login",
		Type: journey.AuthenticationAttempt, Sync: true, Method: "POST", IP: ip, Agent: 1, UserAgent: "Chrome", Keys: keys,
		Elements: []journey.Element{entity("ip", ip), entity("username", user)}, Status: 200, Outcome: o}
}

// halves splits a complete observation into what the engine sends for a sync
// route.
func halves(o *journey.Observation, after int64) (request, response *journey.Observation) {
	q, r := *o, journey.Observation{Exchange: o.Exchange, Phase: journey.PhaseResponse, Time: o.Time + after, Site: o.Site,
		Spec: o.Spec, Name: o.Name, Type: o.Type, Status: o.Status, Outcome: o.Outcome, Learned: o.Learned,
		Duration: after, Enforced: o.Enforced}
	q.Phase, q.Status, q.Outcome, q.Learned, q.Enforced = journey.PhaseRequest, 0, "", nil, nil
	return &q, &r
}

func observe(t testing.TB, s *State, o *journey.Observation) journey.Judgement {
	t.Helper()
	j := s.Fold(&journey.Input{Kind: journey.InputObservation, Time: o.Time, Observation: o})
	if j.Fault != "" {
		t.Fatalf("fault: %s", j.Fault)
	}
	return j
}

// event observes and returns the one Event that came of it.
func event(t testing.TB, s *State, o *journey.Observation) (journey.Event, journey.Session) {
	t.Helper()
	j := observe(t, s, o)
	if len(j.Events) != 1 || len(j.Sessions) != 1 {
		t.Fatalf("%d events, %d sessions", len(j.Events), len(j.Sessions))
	}
	return j.Events[0], j.Sessions[0]
}

func tick(s *State, at int64) journey.Judgement {
	return s.Fold(&journey.Input{Kind: journey.InputTick, Time: at})
}

func labels(list []journey.Label) string {
	var out []string
	for _, l := range list {
		if l.Shadow {
			out = append(out, "("+l.ID+")")
			continue
		}
		out = append(out, l.ID)
	}
	return strings.Join(out, " ")
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func snapshot(t testing.TB, s *State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func restored(t testing.TB, b []byte) *State {
	t.Helper()
	s, err := Restore(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// journal makes a run of inputs as a busy site gives them: visitors with and
// without cookies, complete and split observations, answers that never come,
// late ones, orphans, doubles, ticks, bad policies and switches between two.
func journal(seed uint64, n int) []journey.Input {
	r := rand.New(rand.NewPCG(seed, 7))
	now := noon
	out := []journey.Input{{Kind: journey.InputPolicy, Time: now, Policy: map[string]string{"p.yaml": rules}}}
	add := func(o *journey.Observation) {
		out = append(out, journey.Input{Kind: journey.InputObservation, Time: o.Time, Observation: o})
	}
	var open []*journey.Observation
	types := []journey.EventType{journey.AuthenticationAttempt, journey.AuthenticationAttempt, journey.AuthenticationAttempt,
		journey.PageView, journey.Transaction, journey.AccountCreate}
	outcomes := []journey.Outcome{journey.Success, journey.Failure, journey.Failure, journey.OriginError}
	for x := uint64(1); len(out) < n; x++ {
		now += r.Int64N(20 * second)
		o := login(x, now-r.Int64N(3*second), fmt.Sprintf("192.0.2.%d", r.IntN(6)), fmt.Sprintf("user%d", r.IntN(9)), outcomes[r.IntN(4)])
		o.Type, o.Agent, o.Sync = types[r.IntN(len(types))], r.Uint64N(2), r.IntN(2) == 0
		o.Elements = append(o.Elements, entity("user_agent", fmt.Sprint(r.IntN(5))), journey.Element{ID: "country", Value: "DE"})
		if o.Type == journey.Transaction {
			o.Elements = append(o.Elements, journey.Element{ID: "transaction_amount", Value: fmt.Sprintf("%d.50", r.IntN(90))})
		}
		if r.IntN(3) > 0 {
			o.Keys = []journey.Key{{Kind: "cookie", Hash: r.Uint64N(12), Named: r.IntN(3) > 0}}
		}
		if r.IntN(6) == 0 {
			o.Learned = []journey.Key{{Kind: "cookie", Hash: r.Uint64N(12)}}
		}
		if r.IntN(9) == 0 {
			o.Enforced = []journey.Action{{Name: "stop", Type: journey.ActionBlock, Enforced: r.IntN(2) == 0}}
		}
		switch r.IntN(4) {
		case 0, 1:
			add(o)
		default:
			q, resp := halves(o, r.Int64N(2*second))
			add(q)
			if r.IntN(20) == 0 {
				add(q)
			}
			open = append(open, resp)
		}
		for len(open) > 0 && r.IntN(2) == 0 {
			i := r.IntN(len(open))
			if r.IntN(12) > 0 { // else the answer never comes
				add(open[i])
			}
			open = append(open[:i], open[i+1:]...)
		}
		switch r.IntN(40) {
		case 0:
			now += 7 * minute
			fallthrough
		case 1, 2, 3:
			out = append(out, journey.Input{Kind: journey.InputTick, Time: now})
		case 4:
			now += 40 * minute
		case 5:
			text := []string{rules, other, "kind: nonsense"}[r.IntN(3)]
			out = append(out, journey.Input{Kind: journey.InputPolicy, Time: now, Policy: map[string]string{"p.yaml": text}})
		}
	}
	return out
}
