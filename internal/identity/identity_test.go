package identity

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

func TestAReturningKeyKeepsItsSpecID(t *testing.T) {
	x := New()
	if got := x.Start(10, []uint64{1}, 1); got != 10 {
		t.Fatalf("first = %v", got)
	}
	if got := x.Start(20, []uint64{1}, 2); got != 10 {
		t.Fatalf("returning = %v", got)
	}
	if got := x.Start(30, []uint64{2}, 3); got != 30 {
		t.Fatalf("other key = %v", got)
	}
}

func TestAnAccountJoinsTwoDevicesAndTheOlderSurvives(t *testing.T) {
	x := New()
	phone := x.Start(10, []uint64{1}, 1)
	laptop := x.Start(20, []uint64{2}, 2)
	if got := x.Confirm(laptop, []uint64{2}, 99, 3); got != 20 {
		t.Fatalf("laptop alone = %v", got)
	}
	if got := x.Confirm(phone, []uint64{1}, 99, 4); got != 10 {
		t.Fatalf("merged = %v", got)
	}
	if got := x.Start(30, []uint64{2}, 5); got != 10 {
		t.Fatalf("laptop after the merge = %v", got)
	}
}

func TestAKiosksCookieJoinsNobody(t *testing.T) {
	x := New()
	for i := range uint64(accountsPerKey) {
		x.Confirm(x.Start(journey.ID(100+i), []uint64{7}, 1), []uint64{7}, 1000+i, 1)
	}
	fifth := x.Confirm(x.Start(200, []uint64{7}, 2), []uint64{7}, 2000, 2)
	if got := x.Start(300, []uint64{7}, 3); got != 300 {
		t.Fatalf("after the cap a new session got %v (fifth %v)", got, fifth)
	}
}

func TestSessionsPerIDAreCapped(t *testing.T) {
	x := New()
	last := journey.ID(0)
	for i := range sessionsPerID + 5 {
		last = x.Start(journey.ID(1000+i), []uint64{7}, int64(i))
	}
	if last == 1000 {
		t.Fatal("one Spec ID grew past its cap")
	}
}

func TestDumpLoads(t *testing.T) {
	x := New()
	x.Confirm(x.Start(10, []uint64{1, 2}, 1), []uint64{1}, 9, 1)
	x.Confirm(x.Start(20, []uint64{3}, 2), []uint64{3}, 9, 2)
	text, err := json.Marshal(x.Dump())
	if err != nil {
		t.Fatal(err)
	}
	var d Dump
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if got := Load(d).Dump(); !reflect.DeepEqual(got, x.Dump()) {
		t.Fatalf("%+v", got)
	}
}
