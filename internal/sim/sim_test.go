package sim

import (
	"reflect"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// crowded has what is rare in few people too.
func crowded(people int) Assumptions {
	a := Assumed(people)
	a.SharedHome, a.KiosksFor, a.RingsFor = .1, people, people/2
	return a
}

func collect(site Site, seed uint64, people int) (out []*Request) {
	for r := range Simulate(site, seed, crowded(people)) {
		out = append(out, r)
	}
	return out
}

func TestASeedGivesTheSameTraffic(t *testing.T) {
	for _, site := range Sites() {
		a, b, other := collect(site, 1, 60), collect(site, 1, 60), collect(site, 2, 60)
		if len(a) < 1000 || !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %d and %d requests, or they differ", site.Name, len(a), len(b))
		}
		if reflect.DeepEqual(a, other) {
			t.Errorf("%s: another seed gives the same", site.Name)
		}
	}
}

func TestTrafficCanBeStoppedMidway(t *testing.T) {
	n := 0
	for range Simulate(Sites()[0], 1, Assumed(60)) {
		if n++; n == 10 {
			break
		}
	}
	if n != 10 {
		t.Fatal(n)
	}
}

// TestTheTruthIsWhatATimeoutCanFind: within a visit no pause is as long as the
// timeout, and two visits of a person are further apart than it.
func TestTheTruthIsWhatATimeoutCanFind(t *testing.T) {
	for _, site := range Sites() {
		type span struct{ person, last int }
		visits := map[int]int64{}
		people := map[int]span{}
		before := int64(0)
		for _, r := range collect(site, 3, 100) {
			if r.Time < before {
				t.Fatalf("%s: a request at %d comes after one at %d", site.Name, r.Time, before)
			}
			before = r.Time
			if last, ok := visits[r.Truth.Visit]; ok && r.Time-last > maxPause {
				t.Fatalf("%s: visit %d pauses for %d s", site.Name, r.Truth.Visit, (r.Time-last)/sec)
			}
			visits[r.Truth.Visit] = r.Time
			p := people[r.Truth.Person]
			if p.person != 0 && p.person != r.Truth.Visit && r.Time-int64(p.last) <= 30*minute {
				t.Fatalf("%s: person %d begins a visit %d s after another", site.Name, r.Truth.Person, (r.Time-int64(p.last))/sec)
			}
			people[r.Truth.Person] = span{r.Truth.Visit, int(r.Time)}
		}
	}
}

// TestEvidenceIsAsTheSiteHasIt looks at which keys go with which site, and that
// nobody carries what nobody was given.
func TestEvidenceIsAsTheSiteHasIt(t *testing.T) {
	for _, site := range Sites() {
		taught := map[uint64]bool{}
		kinds := map[string]int{}
		resumed, fresh := 0, 0
		for _, r := range collect(site, 4, 100) {
			for _, k := range r.Keys {
				kinds[k.Kind]++
				switch k.Kind {
				case journey.KeyConnection:
				case journey.KeyTicket: // at times from a connection that was opened and not used
					resumed++
				default:
					if !taught[k.Hash] {
						t.Fatalf("%s: a %s is carried that nobody was given", site.Name, k.Kind)
					}
				}
			}
			for _, k := range r.Learned {
				taught[k.Hash] = true
				if k.Kind == journey.KeyTicket {
					fresh++
				}
				if k.Kind == journey.KeyTicket != (r.Phase != journey.PhaseResponse) {
					t.Fatalf("%s: a %s is taught in phase %d", site.Name, k.Kind, r.Phase)
				}
			}
		}
		for kind, want := range map[string]bool{journey.KeyConnection: true, journey.KeyBearer: true, journey.KeyCookie: site.Cookies,
			journey.KeyDevice: site.Cookies, journey.KeyToken: site.Cookies, journey.KeyTicket: site.Tickets} {
			if (kinds[kind] > 0) != want {
				t.Errorf("%s: %d requests with a %s", site.Name, kinds[kind], kind)
			}
		}
		if site.Tickets && (resumed < fresh/4 || fresh < resumed/10) {
			t.Errorf("%d requests on resumed connections, %d on fresh ones", resumed, fresh)
		}
	}
}

// TestOnlySharedDevicesLendKeys: what a person carries nobody else does, unless a
// device is used by several.
func TestOnlySharedDevicesLendKeys(t *testing.T) {
	for _, site := range Sites() {
		holder := map[uint64]Truth{}
		lent := map[Kind]int{}
		for _, r := range collect(site, 5, 150) {
			for _, k := range r.Keys {
				h, ok := holder[k.Hash]
				holder[k.Hash] = r.Truth
				if ok && h.Person != r.Truth.Person {
					lent[r.Truth.Kind]++
				}
			}
		}
		for kind, n := range lent {
			if kind != Family && kind != Kiosk {
				t.Errorf("%s: %d keys changed hands in visits of kind %s", site.Name, n, kind)
			}
		}
		if site.Name != "cookieless" && lent[Kiosk] == 0 {
			t.Errorf("%s: no public device keeps its keys", site.Name)
		}
	}
}

// TestAVisitIsOfOneKind of circumstances, and all kinds occur.
func TestAVisitIsOfOneKind(t *testing.T) {
	kinds := map[Kind]int{}
	rings := map[int]map[int]bool{}
	visits := map[int]Truth{}
	for _, r := range collect(Sites()[0], 5, 150) {
		if v, ok := visits[r.Truth.Visit]; ok && v != r.Truth {
			t.Fatalf("a visit of %+v is one of %+v", v, r.Truth)
		} else if !ok {
			kinds[r.Truth.Kind]++
		}
		visits[r.Truth.Visit] = r.Truth
		if g := r.Truth.Ring; g != 0 {
			if rings[g] == nil {
				rings[g] = map[int]bool{}
			}
			rings[g][r.Truth.Person] = true
		}
	}
	for _, k := range []Kind{Home, Family, Office, Mobile, App, Kiosk, Tester, Robot, Ring} {
		if kinds[k] == 0 {
			t.Errorf("no visit of kind %s", k)
		}
	}
	for g, actors := range rings {
		if len(actors) < 3 || len(actors) > 6 {
			t.Errorf("ring %d has %d actors", g, len(actors))
		}
	}
}
