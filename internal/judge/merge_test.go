package judge

import (
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

func TestMergeKeepsAllThatAResponseSays(t *testing.T) {
	list := func(s string) (out []journey.Element) {
		for _, f := range strings.Fields(s) {
			id, v, _ := strings.Cut(f, "=")
			out = append(out, journey.Element{ID: id, Value: v, Entity: id == "order_id"})
		}
		return out
	}
	for _, c := range []struct{ request, response, want string }{
		{"quantity=1", "quantity=2", "quantity=2"},
		{"quantity=1", "failure_reason=a failure_reason=b", "quantity=1 failure_reason=a failure_reason=b"},
		{"quantity=1", "quantity=1 quantity=2", "quantity=1 quantity=2"},
		{"quantity=1 quantity=9", "quantity=2", "quantity=2 quantity=9"},
		{"order_id=a", "order_id=b order_id=a", "order_id=a order_id=b"},
		{"", "quantity=1 quantity=2", "quantity=1 quantity=2"},
	} {
		var got []string
		for _, e := range merge(list(c.request), list(c.response)) {
			got = append(got, e.ID+"="+e.Value)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%q and %q: %q, want %q", c.request, c.response, s, c.want)
		}
	}
}
