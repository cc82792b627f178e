package judge

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

const rotationRules = `
kind: spec
name: Pay
type: transaction
match: {method: POST, path: /pay}
---
kind: label
id: counted
title: Card seen
severity: info
points: 0
repeat: true
when: entity("card_number").count("1h") >= 1 && entity("card_number").distinct("username") >= 1
---
kind: label
id: cards
title: Cards counted
severity: low
points: 1
repeat: true
when: session.distinct("card_number", "20m") >= 1 && entity("ip").distinct("card_number") >= 1 && session.distinct("ssn") >= 0
---
kind: label
id: known
title: Long known
severity: low
points: 1
repeat: true
when: entity("card_number").age() >= 0 && entity("ssn").count() >= 0
`

// ring hashes as a deployment's keys do: by the current one, and by the former
// while there is one.
type ring struct{ current, former string }

func (r ring) key(cookie string) journey.Key {
	k := journey.Key{Kind: "cookie", Hash: hashText(r.current + cookie), Named: true}
	if r.former != "" {
		k.Former = hashText(r.former + cookie)
	}
	return k
}

func (r ring) secret(id, value string) journey.Element {
	of := func(key string) (string, int64) {
		v := fmt.Sprintf("h:%x", hashText(key+value))
		return v, hash63(id + v)
	}
	e := journey.Element{ID: id, Entity: true}
	e.Value, e.Hash = of(r.current)
	if r.former != "" {
		e.Former, e.FormerHash = of(r.former)
	}
	return e
}

// payments happen at random, hashed by what keys says at each step.
func payments(seed uint64, keys func(i int) ring) []journey.Input {
	r := rand.New(rand.NewPCG(seed, 4))
	at := noon
	var in []journey.Input
	for i := range 1500 {
		at += r.Int64N(40 * second)
		k := keys(i)
		who := r.IntN(6)
		o := &journey.Observation{Exchange: uint64(i + 1), Phase: journey.PhaseComplete, Time: at, Site: "shop", Spec: "pay", Name: "Pay",
			Type: journey.Transaction, IP: fmt.Sprintf("192.0.2.%d", r.IntN(3)), Agent: uint64(who), Status: 200, Outcome: journey.Success}
		o.Keys = []journey.Key{k.key(fmt.Sprint("visitor", who))}
		if r.IntN(20) == 0 {
			o.Learned = []journey.Key{k.key(fmt.Sprint("visitor", (who+1)%6))}
		}
		o.Elements = []journey.Element{entity("ip", o.IP), entity("username", fmt.Sprint("u", r.IntN(5))),
			k.secret("card_number", fmt.Sprint("card", r.IntN(8))), k.secret("ssn", fmt.Sprint("ssn", who))}
		if r.IntN(4) == 0 {
			o.Type = journey.AuthenticationAttempt
		}
		in = append(in, journey.Input{Kind: journey.InputObservation, Time: at, Observation: o})
	}
	return in
}

// told is what a judgement says, without the hashes themselves.
func told(t *testing.T, j journey.Judgement) string {
	t.Helper()
	for i := range j.Events {
		e := j.Events[i]
		e.Elements = append([]journey.Element(nil), e.Elements...)
		for n := range e.Elements {
			if el := &e.Elements[n]; el.ID == "card_number" || el.ID == "ssn" {
				*el = journey.Element{ID: el.ID}
			}
		}
		j.Events[i] = e
	}
	j.Links = slices.Clone(j.Links)
	for i := range j.Links {
		j.Links[i].Hash = 0
	}
	return asJSON(t, j)
}

// TestNothingIsForgottenWhenTheKeyIsReplaced judges the same journey under one key
// and under two that follow each other: sessions, Spec IDs, labels and all that
// the rules counted are the same.
func TestNothingIsForgottenWhenTheKeyIsReplaced(t *testing.T) {
	for seed := range uint64(4) {
		one := payments(seed, func(int) ring { return ring{current: "a"} })
		two := payments(seed, func(i int) ring {
			switch {
			case i < 400:
				return ring{current: "a"}
			case i < 1100: // long enough for everybody to come back
				return ring{current: "b", former: "a"}
			default:
				return ring{current: "b"}
			}
		})
		a, b := fresh(t, rotationRules), fresh(t, rotationRules)
		r := rand.New(rand.NewPCG(seed, 9))
		for i := range one {
			if r.IntN(5) == 0 { // what is taken back leaves no trace either
				before := snapshot(t, b)
				b.Try(&two[i])
				b.Undo()
				if i%10 == 0 && !bytes.Equal(before, snapshot(t, b)) {
					t.Fatalf("seed %d input %d: taken back, and yet changed", seed, i)
				}
			}
			if i == 700 {
				b = restored(t, snapshot(t, b))
			}
			want, got := told(t, a.Fold(&one[i])), told(t, b.Fold(&two[i]))
			if want != got {
				at := 0
				for want[at] == got[at] {
					at++
				}
				t.Fatalf("seed %d input %d, from byte %d:\none key  %s\ntwo keys %s", seed, i, at, want[max(0, at-200):], got[max(0, at-200):])
			}
		}
		if x, y := a.Live(), b.Live(); x.Window != y.Window || x.People != y.People || x.Sessions != y.Sessions {
			t.Fatalf("seed %d: one key holds %+v, two %+v", seed, x, y)
		}
	}
}

// TestWithoutTheFormerHashNobodyIsKnown shows that the test above can fail.
func TestWithoutTheFormerHashNobodyIsKnown(t *testing.T) {
	keys := func(i int) ring {
		if i < 400 {
			return ring{current: "a"}
		}
		return ring{current: "b"}
	}
	one, two := payments(1, func(int) ring { return ring{current: "a"} }), payments(1, keys)
	a, b := fresh(t, rotationRules), fresh(t, rotationRules)
	for i := range one {
		if told(t, a.Fold(&one[i])) != told(t, b.Fold(&two[i])) {
			if i < 400 {
				t.Fatalf("they differ at %d already", i)
			}
			return
		}
	}
	t.Fatal("a key that was replaced at once made no difference")
}
