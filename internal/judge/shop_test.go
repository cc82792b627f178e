package judge

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
)

// shopping is a mixed stream of a shop: mostly looking, some logging in, a little
// buying, in halves where the shop's policy wants a decision.
func shopping(seed uint64, n int) []journey.Input {
	r := rand.New(rand.NewPCG(seed, 7))
	var out []journey.Input
	put := func(o *journey.Observation) {
		out = append(out, journey.Input{Kind: journey.InputObservation, Time: o.Time, Observation: o})
	}
	for i := range n {
		who := r.IntN(400)
		at := noon + int64(i)*5000
		ip := fmt.Sprintf("192.0.2.%d", who%250)
		o := &journey.Observation{Exchange: uint64(i + 1), Phase: journey.PhaseComplete, Time: at, Site: "shop", Spec: "s", Name: "S",
			Method: "GET", IP: ip, Agent: uint64(who % 5), UserAgent: "Chrome", Keys: []journey.Key{cookie(uint64(who))},
			Elements: []journey.Element{entity("ip", ip), {ID: "country", Value: []string{"DE", "FR", "US"}[r.IntN(3)]}},
			Status:   200, Outcome: journey.Success, Duration: 20_000}
		switch k := r.IntN(10); {
		case k < 7:
			o.Type = journey.ProductView
			o.Elements = append(o.Elements, entity("product_id", fmt.Sprint(r.IntN(90))), journey.Element{ID: "url_path", Value: "/product/1"})
			put(o)
			continue
		case k < 9:
			o.Type, o.Sync, o.Method = journey.AuthenticationAttempt, true, "POST"
			o.Elements = append(o.Elements, entity("username", fmt.Sprintf("u%d@example.com", who+r.IntN(3))))
			if r.IntN(3) == 0 {
				o.Status, o.Outcome = 422, journey.Failure
			}
		default:
			o.Type, o.Sync, o.Method = journey.Transaction, true, "POST"
			o.Elements = append(o.Elements, entity("email", fmt.Sprintf("u%d@example.com", who)),
				entity("card_number", fmt.Sprint("card", who%50)), journey.Element{ID: "transaction_amount", Value: "49.90"})
		}
		request, response := halves(o, 20_000)
		put(request)
		put(response)
	}
	return out
}

func shop(t testing.TB) *State {
	t.Helper()
	snap, faults := policy.Load("../../examples/shop/policy")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	s := New(0)
	if j := s.Fold(&journey.Input{Kind: journey.InputPolicy, Time: noon, Policy: snap.Bundle}); j.Fault != "" {
		t.Fatal(j.Fault)
	}
	return s
}

// TestTheShopsPolicyNeverFails judges a long mixed stream by a whole policy.
func TestTheShopsPolicyNeverFails(t *testing.T) {
	s := shop(t)
	events := 0
	for i, in := range shopping(1, 3000) {
		j := s.Fold(&in)
		if j.Fault != "" {
			t.Fatal(j.Fault)
		}
		events += len(j.Events)
		if i%500 == 0 {
			tick(s, in.Time)
		}
	}
	if live := s.Live(); events != 3000 || live.RuleErrors != 0 || live.Pending != 0 {
		t.Fatalf("%d events, %+v", events, live)
	}
}

// BenchmarkFoldShop replays the mixed stream; one operation is one input.
func BenchmarkFoldShop(b *testing.B) {
	all := shopping(1, 50_000)
	s := shop(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n := i % len(all)
		if n == 0 && i > 0 {
			b.StopTimer()
			s = shop(b)
			b.StartTimer()
		}
		s.Fold(&all[n])
	}
}
