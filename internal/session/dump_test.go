package session

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// full is a table that has everything a dump may hold.
func full() *Table {
	v := &visitor{t: New()}
	for i := range uint64(300) {
		anything(v, i, noon+int64(i)*minute/2)
	}
	v.t.Sweep(noon+150*minute, rules)
	return v.t
}

func TestADumpHoldsAll(t *testing.T) {
	x := full()
	if x.live == 0 || x.idle == 0 || x.sharing == 0 || x.byKey.Len() == 0 {
		t.Fatalf("too little is in the table: %d sessions, %d shared", x.live, x.sharing)
	}
	loaded := reload(t, x)
	sound(t, loaded)
	a, b := &visitor{t: x, next: 1000}, &visitor{t: loaded, next: 1000}
	for i := range uint64(500) {
		now := noon + 150*minute + int64(i)*minute/2
		if x, y := anything(a, i, now), anything(b, i, now); !slices.Equal(x, y) || a.next != b.next {
			t.Fatalf("step %d goes otherwise", i)
		}
	}
	if !bytes.Equal(a.t.Dump(), b.t.Dump()) {
		t.Fatal("the tables differ in the end")
	}
}

func TestADumpIsJSON(t *testing.T) {
	x := full()
	text, err := json.Marshal(map[string]any{"sessions": x.Dump()})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Sessions Dump `json:"sessions"`
	}
	if err := json.Unmarshal(text, &got); err != nil || !bytes.Equal(got.Sessions, x.Dump()) {
		t.Fatalf("%v, %d bytes of %d", err, len(got.Sessions), len(x.Dump()))
	}
	if err := json.Unmarshal([]byte(`{"sessions":null}`), &got); err != nil {
		t.Fatal(err)
	}
	if empty, err := Load(nil); err != nil || empty.Len() != 0 {
		t.Fatalf("%v", err)
	}
}

// TestOlderDumpsLoad reads what snapshots held before version 4.
func TestOlderDumpsLoad(t *testing.T) {
	text := `[{"id":"795954856408920064","start":1767607411000000,"last":1767607415000000,"keys":[7,8],"ip":"192.0.2.4","agent":3},
		{"id":"795954856408920065","start":1767607412000000,"last":1767607412000000,"ip":"192.0.2.5","agent":4}]`
	var d Dump
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	x, err := Load(d)
	if err != nil {
		t.Fatal(err)
	}
	sound(t, x)
	now := int64(1767607420000000)
	never := func() journey.ID { t.Fatal("a session began"); return 0 }
	if j := x.Stitch(Request{Time: now, IP: away, Agent: 9, Keys: carrying(cookie(8))}, rules, never); j.Entry.ID != 795954856408920064 || j.Entry.Start != 1767607411000000 {
		t.Fatalf("%+v", j)
	}
	if j := x.Stitch(Request{Time: now, IP: "192.0.2.5", Agent: 4}, rules, never); j.Entry.ID != 795954856408920065 {
		t.Fatalf("%+v", j)
	}
	for _, bad := range []string{
		`[{"id":"5","start":1,"last":1,"ip":"a","agent":1},{"id":"5","start":1,"last":1,"ip":"a","agent":1}]`,
		`[{"id":"5","start":2,"last":1,"ip":"a","agent":1}]`,
		`[{"id":"5","start":1,"last":1,"keys":[1,1],"ip":"a","agent":1}]`,
		`[{"id":"5","start":1,"last":1,"keys":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17],"ip":"a","agent":1}]`,
		`[{"start":1,"last":1,"ip":"a","agent":1}]`,
		`[{"id":1}]`, `[`, `7`, `"*"`,
	} {
		if err := json.Unmarshal([]byte(bad), &d); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestADamagedDumpIsRefused(t *testing.T) {
	good := full().Dump()
	for n := 1; n < len(good); n += 1 + n/40 {
		if _, err := Load(good[:n]); err == nil || !strings.HasPrefix(err.Error(), "sessions: ") {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(good), err)
		}
	}
	if _, err := Load(append(slices.Clone(good), 0)); err == nil {
		t.Fatal("a byte too many was read")
	}
	if _, err := Load(append(Dump{9}, good[1:]...)); err == nil || err.Error() != "sessions: dump has version 9, this build reads 1" {
		t.Fatalf("another version: %v", err)
	}
}

// FuzzLoad: whatever loads is sound, dumps as it would again, and can be used.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(full().Dump()))
	f.Add([]byte(New().Dump()))
	v := &visitor{t: New()}
	v.t.Learn(v.at(1, "a", 1, cookie(1)).Entry, ticket(2), 3)
	v.t.Account(v.at(2, "b", 1).Entry, 5)
	f.Add([]byte(v.t.Dump()))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := Load(b)
		if err != nil {
			return
		}
		sound(t, x)
		y := reload(t, x)
		v := &visitor{t: y, next: 1 << 60}
		for i := range uint64(8) {
			v.t.Begin()
			anything(v, i, noon+int64(i)*minute)
			v.t.Undo()
		}
		if !bytes.Equal(x.Dump(), y.Dump()) {
			t.Fatal("what was undone is there")
		}
		anything(v, 1, noon)
		v.t.Sweep(noon, rules)
		sound(t, y)
	})
}
