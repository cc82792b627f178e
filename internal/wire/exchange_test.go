package wire

import "testing"

func TestHeadGet(t *testing.T) {
	h := Head{Fields: []Field{{"Host", "a"}, {"x-thing", "1"}, {"X-Thing", "2"}, {"Empty", ""}, {"[", "bracket"}, {"Ä", "umlaut"}}}
	for name, want := range map[string]string{
		"host": "a", "HOST": "a", "X-THING": "1", "empty": "", "absent": "", "": "", "{": "", "Ä": "umlaut", "ä": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	if (&Head{}).Get("a") != "" {
		t.Error("an empty head holds something")
	}
}

func TestHeadGetAllocatesNothing(t *testing.T) {
	h := Head{Fields: []Field{{"Host", "a"}, {"Cookie", "b"}}}
	if n := testing.AllocsPerRun(100, func() { _ = h.Get("COOKIE") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestHeadPath(t *testing.T) {
	for target, want := range map[string][2]string{
		"/": {"/", ""}, "/a?b=c": {"/a", "b=c"}, "/a?b?c": {"/a", "b?c"}, "/a?": {"/a", ""}, "": {"", ""}, "*": {"*", ""}, "?": {"", ""},
	} {
		if p, q := (&Head{Target: target}).Path(); p != want[0] || q != want[1] {
			t.Errorf("%q: got %q and %q", target, p, q)
		}
	}
}

// Phases are compared by their order.
func TestPhasesAreInOrder(t *testing.T) {
	order := []Phase{PhaseRequestHead, PhaseRequestBody, PhaseResponseHead, PhaseResponseBody, PhaseEnd}
	for i, p := range order {
		if p != Phase(i+1) {
			t.Errorf("phase %d is %d", i+1, p)
		}
	}
}
