package duckdb

import (
	"database/sql/driver"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// TestDetailIsWhatJSONSays holds what is rendered by hand against encoding/json, to
// the byte, with rows that follow one another.
func TestDetailIsWhatJSONSays(t *testing.T) {
	texts := []string{"", "shoes", `a "quoted" \ text`, "<b>&amp;", "Zürich", "tab\tnew\nline", "\x00", "\x7f", "\xff", "\u2028", "a\u0085b"}
	r := rand.New(rand.NewPCG(1, 2))
	text := func() string { return texts[r.IntN(len(texts))] }
	c := newCodec()
	for range 3000 {
		e := journey.Event{ID: 7, Site: text(), Name: text(), Status: r.IntN(3)}
		for range r.IntN(5) {
			e.Elements = append(e.Elements, journey.Element{ID: []string{"ip", "search_query", "quantity", "transaction_amount", "own.é"}[r.IntN(5)], Value: text(),
				Entity: r.IntN(2) == 0, Hash: int64(r.IntN(3) - 1), Invalid: text(), Unverified: r.IntN(2) == 0})
		}
		if r.IntN(3) == 0 {
			e.Labels = []journey.Label{{ID: "many", Title: text()}}
		}
		if r.IntN(5) == 0 {
			e.RatingChange = &journey.RatingChange{To: journey.Malicious, Reason: text()}
		}
		if r.IntN(5) == 0 {
			e.Workflows = []string{text()}
		}
		row, err := c.event(&e, 3, 9)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := row[len(row)-1].([]byte)
		want := eventDetail{Labels: e.Labels, Signatures: e.Signatures, Change: e.RatingChange, Actions: e.Actions, Workflows: e.Workflows}
		again := newCodec()
		columns := make([]driver.Value, len(again.columns))
		for i := range e.Elements {
			el := &e.Elements[i]
			d := elementDetail{ID: el.ID, Entity: el.Entity, Hash: el.Hash, Invalid: el.Invalid, Unverified: el.Unverified}
			if !again.place(columns, again.extra, el) {
				d.Value = &el.Value
			}
			want.Elements = append(want.Elements, d)
		}
		text, err := json.Marshal(&want)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(text) {
			t.Fatalf("%s\nwant %s", got, text)
		}
		fresh, err := newCodec().event(&e, 3, 9)
		if err != nil || !reflect.DeepEqual(fresh, row) {
			t.Fatalf("after another row: %v\nalone: %v", row, fresh)
		}
	}
}
