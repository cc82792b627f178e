package identity

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// town fills an index that has watched for a month with visitors, each at an address
// of their own.
func town(x *Index, n uint64) {
	x.Start(Visitor{Session: 1, Time: base - 30*micros})
	for i := range n {
		x.Start(Visitor{Session: journey.ID(1000 + i), Time: base, IP: 5000 + i, Network: 100 + i%20, Device: 1 + i%10, Agent: 7})
	}
}

func TestAVisitorAtARareAddressIsLikelyTheSame(t *testing.T) {
	x := New(DefaultRules())
	town(x, 500)
	home := Visitor{Session: 10, Time: base, IP: 1, Network: 2, Device: 3, Agent: 4}
	x.Start(home)
	home.Session, home.Time = 20, base+2*micros
	a := x.Start(home)
	if a.SpecID != 20 || a.By != "" {
		t.Fatalf("a candidate became an identity: %+v", a)
	}
	if len(a.Candidates) != 1 || a.Candidates[0].SpecID != 10 || a.Candidates[0].Confidence < 80 {
		t.Fatalf("%+v", a.Candidates)
	}
	want := []string{"same address, seen from no other", "same kind of device, seen from 50 others", "same browser version", "last seen 2 days before"}
	if got := a.Candidates[0].Reasons; !reflect.DeepEqual(got, want) {
		t.Fatalf("%q", got)
	}
	if x.entries() != 0 {
		t.Fatal("a guess left evidence")
	}
}

// TestWhatSpeaksAgainstACandidate lowers its confidence, or leaves nothing of it.
func TestWhatSpeaksAgainstACandidate(t *testing.T) {
	confidence := func(change func(*Visitor), before ...func(*Index)) int {
		x := New(DefaultRules())
		town(x, 500)
		v := Visitor{Session: 10, Time: base, IP: 1, Network: 2, Device: 3, Agent: 4, Keys: devices(77)}
		x.Start(v)
		for _, b := range before {
			b(x)
		}
		v.Keys, v.Session = nil, 20
		change(&v)
		for _, c := range x.Start(v).Candidates {
			if c.SpecID == 10 {
				return c.Confidence
			}
		}
		return 0
	}
	same := confidence(func(*Visitor) {})
	crowded := func(x *Index) {
		for i := range uint64(40) {
			x.Start(Visitor{Session: journey.ID(3000 + i), Time: base, IP: 1, Network: 2, Device: 5 + i%3, Agent: 4})
		}
	}
	others := func(x *Index) {
		for i := range uint64(5) {
			x.Start(Visitor{Session: journey.ID(3000 + i), Time: base, IP: 1, Network: 2, Device: 3, Agent: 4})
		}
	}
	for name, got := range map[string]int{
		"another browser version":      confidence(func(v *Visitor) { v.Agent = 5 }),
		"three weeks later":            confidence(func(v *Visitor) { v.Time += 20 * micros }),
		"only the network":             confidence(func(v *Visitor) { v.IP = 9 }),
		"an address of many":           confidence(func(*Visitor) {}, crowded),
		"others of that kind at home":  confidence(func(*Visitor) {}, others),
		"a month later":                confidence(func(v *Visitor) { v.Time += 30 * micros }),
		"another class of devices":     confidence(func(v *Visitor) { v.Device = 4 }),
		"a device key of its own":      confidence(func(v *Visitor) { v.Keys = devices(78) }),
		"neither device nor address":   confidence(func(v *Visitor) { v.Device, v.IP, v.Network = 0, 0, 0 }),
		"a network and nothing to see": confidence(func(v *Visitor) { v.Device = 0 }),
	} {
		none := strings.HasPrefix(name, "a month") || strings.HasPrefix(name, "another class") || strings.HasPrefix(name, "a device") || strings.HasPrefix(name, "neither") || strings.HasPrefix(name, "a network")
		if none && got != 0 || !none && (got == 0 && name != "an address of many" || got >= same) {
			t.Errorf("%s: %d per cent, otherwise %d", name, got, same)
		}
	}
}

// TestWhatWasSeenSaysHowMuchACandidateIsWorth: whoever comes without a key was more
// likely here before where nobody has one, and where one has watched for long.
func TestWhatWasSeenSaysHowMuchACandidateIsWorth(t *testing.T) {
	confidence := func(before func(*Index)) int {
		x := New(DefaultRules())
		before(x)
		v := Visitor{Session: 10, Time: base, IP: 1, Network: 2, Device: 3, Agent: 4}
		x.Start(v)
		v.Session = 20
		c := x.Start(v).Candidates
		if len(c) == 0 {
			return 0
		}
		return c[0].Confidence
	}
	watched := confidence(func(x *Index) { town(x, 500) })
	young := confidence(func(x *Index) {
		town(x, 500)
		x.nums[since] = int64(dayOf(base))
	})
	keyed := confidence(func(x *Index) {
		town(x, 500)
		for i := range journey.ID(2000) {
			x.Start(Visitor{Session: 5000 + i, Time: base, Keys: cookies(uint64(1 + i%100))})
		}
	})
	if watched < 80 || young >= watched-30 || keyed >= watched-10 || young == 0 || keyed == 0 {
		t.Fatalf("%d per cent; %d after a day, %d where most have keys", watched, young, keyed)
	}
}

// TestWhatIsBeyondLikelyCountsHalf: nothing passive is as good as proof.
func TestWhatIsBeyondLikelyCountsHalf(t *testing.T) {
	x := New(DefaultRules())
	town(x, 60_000)
	v := Visitor{Session: 10, Time: base, IP: 1, Network: 2, Device: 3, Agent: 4}
	x.Start(v)
	v.Session = 20
	if c := x.Start(v).Candidates; len(c) != 1 || c[0].Confidence < 85 || c[0].Confidence > 95 {
		t.Fatalf("%+v", c)
	}
}

func TestThereAreAtMostThreeCandidatesInOrder(t *testing.T) {
	x := New(DefaultRules())
	town(x, 5000)
	for i := range uint64(6) {
		x.Start(Visitor{Session: journey.ID(10 + i), Time: base + int64(i)*micros, IP: 1, Network: 2, Device: 3, Agent: 4})
	}
	c := x.Start(Visitor{Session: 30, Time: base + 6*micros, IP: 1, Network: 2, Device: 3, Agent: 4}).Candidates
	if len(c) != maxCandidates || c[0].SpecID != 15 || !slices.IsSortedFunc(c, func(a, b journey.Candidate) int { return b.Confidence - a.Confidence }) {
		t.Fatalf("%+v", c)
	}
}

func TestAMergedCandidateIsNamedOnceByItsPresentName(t *testing.T) {
	x := New(DefaultRules())
	town(x, 500)
	a := Visitor{Session: 10, Time: base, IP: 1, Network: 2, Device: 3, Agent: 4, Keys: cookies(1)}
	b := Visitor{Session: 20, Time: base, IP: 1, Network: 2, Device: 3, Agent: 4, Keys: cookies(2)}
	x.Start(a)
	x.Start(b)
	x.Confirm(10, a, 9)
	x.Confirm(20, b, 9)
	c := x.Start(Visitor{Session: 30, Time: base, IP: 1, Network: 2, Device: 3, Agent: 4}).Candidates
	if len(c) != 1 || c[0].SpecID != 10 {
		t.Fatalf("%+v", c)
	}
}

func TestBlocksAreBounded(t *testing.T) {
	x := New(DefaultRules())
	x.blocks.limit, x.seen.limit = 50, 50
	for i := range uint64(1000) {
		x.Start(Visitor{Session: journey.ID(10 + i), Time: base, IP: 1 + i, Network: 1, Device: 1})
	}
	for _, g := range []int{len(x.blocks.young), len(x.blocks.old), len(x.seen.young), len(x.seen.old)} {
		if g > 50 {
			t.Fatalf("%d are remembered", g)
		}
	}
	list, _ := x.blocks.get(blockOf(networkBlock, 1, 1))
	if len(list) != maxSights || list[maxSights-1].id != 1009 || x.Stats().Dropped == 0 {
		t.Fatalf("%d sights, %+v", len(list), x.Stats())
	}
}

// TestWholeNumbersAreNearTheirLogarithms holds the arithmetic against floats.
func TestWholeNumbersAreNearTheirLogarithms(t *testing.T) {
	for n := uint64(1); n < 1<<40; n += n/7 + 1 {
		if want := math.Log2(float64(n)) * unit; math.Abs(float64(log2(n))-want) > 1.01 {
			t.Fatalf("log2(%d) = %d, not %.1f", n, log2(n), want)
		}
	}
	for u := -10 * unit; u < 20*unit; u += 37 {
		want := math.Exp2(float64(u)/unit) * 65536
		if got := float64(odds(u)); math.Abs(got-want) > want/200+1 {
			t.Fatalf("odds(%d) = %.0f, not %.0f", u, got, want)
		}
	}
}
