package wire

import "testing"

func TestAppend(t *testing.T) {
	text := crlf("GET http://a/x?y HTTP/1.1\nHOST:  a \nX-B:1\nConnection: keep-alive, X-Mine\nx-mine: 2\nX-b: 3\nKeep-Alive: timeout=5\n\n")
	for _, c := range []struct {
		name string
		r    Rewrite
		want string
	}{
		{"nothing", Rewrite{}, string(text)},
		{"target", Rewrite{Target: "/x?y"}, "GET /x?y HTTP/1.1\nHOST:  a \nX-B:1\nConnection: keep-alive, X-Mine\nx-mine: 2\nX-b: 3\nKeep-Alive: timeout=5\n\n"},
		{"drop", Rewrite{Drop: Of(Connection, KeepAlive, Nominated)}, "GET http://a/x?y HTTP/1.1\nHOST:  a \nX-B:1\nX-b: 3\n\n"},
		{"add", Rewrite{Add: []byte("A: 1\r\nB: 2\r\n")}, "GET http://a/x?y HTTP/1.1\nHOST:  a \nX-B:1\nConnection: keep-alive, X-Mine\nx-mine: 2\nX-b: 3\nKeep-Alive: timeout=5\nA: 1\nB: 2\n\n"},
		{"edit", Rewrite{Edits: []Edit{{"x-b", "9"}, {"X-MINE", ""}, {"New", "v"}}}, "GET http://a/x?y HTTP/1.1\nHOST:  a \nConnection: keep-alive, X-Mine\nKeep-Alive: timeout=5\nx-b: 9\nNew: v\n\n"},
		{"the last edit counts", Rewrite{Edits: []Edit{{"A", "1"}, {"Host", "b"}, {"a", "2"}}}, "GET http://a/x?y HTTP/1.1\nX-B:1\nConnection: keep-alive, X-Mine\nx-mine: 2\nX-b: 3\nKeep-Alive: timeout=5\nHost: b\na: 2\n\n"},
		{"hostile edits", Rewrite{Edits: []Edit{{"X-B", "9\r\nEvil: 1"}, {"X b", "1"}, {"Content-Length", "7"}, {"Transfer-Encoding", "chunked"}, {"", "1"}, {"Connection", ""}}}, string(text)},
		{"swap", Rewrite{Swap: []Swap{{0, "b"}, {3, ""}, {4, "7"}}}, "GET http://a/x?y HTTP/1.1\nHOST: b\nX-B:1\nConnection: keep-alive, X-Mine\nX-b: 7\nKeep-Alive: timeout=5\n\n"},
		{"hostile swap", Rewrite{Swap: []Swap{{1, "1\r\nEvil: 1"}}}, "GET http://a/x?y HTTP/1.1\nHOST:  a \nConnection: keep-alive, X-Mine\nx-mine: 2\nX-b: 3\nKeep-Alive: timeout=5\n\n"},
		{"a dropped field is not swapped", Rewrite{Drop: Of(KeepAlive), Edits: []Edit{{"x-mine", ""}}, Swap: []Swap{{5, "x"}, {3, "x"}}}, "GET http://a/x?y HTTP/1.1\nHOST:  a \nX-B:1\nConnection: keep-alive, X-Mine\nX-b: 3\n\n"},
		{"all", Rewrite{Target: "/", Drop: Of(Connection, KeepAlive, Nominated), Edits: []Edit{{"X-B", "9"}}, Add: []byte("A: 1\r\n")}, "GET / HTTP/1.1\nHOST:  a \nX-B: 9\nA: 1\n\n"},
	} {
		var m Message
		if n, err := m.ParseRequest(text, DefaultLimits); err != nil || n != len(text) {
			t.Fatal(n, err)
		}
		if got := string(m.Append([]byte("before "), &c.r)); got != "before "+string(crlf(crlfOnce(c.want))) {
			t.Errorf("%s: got\n%q", c.name, got)
		}
	}
}

func TestExtend(t *testing.T) {
	const text = "GET /x HTTP/1.1\r\nHost: a\r\nKeep-Alive: a\r\n\r\n"
	for _, c := range []struct {
		r    Rewrite
		room int
		want string
	}{
		{Rewrite{}, 0, text},
		{Rewrite{Add: []byte("A: 1\r\n"), Target: "/x", Drop: Of(TE)}, 6, text[:len(text)-2] + "A: 1\r\n\r\n"},
		{Rewrite{Add: []byte("A: 1\r\n")}, 5, ""},
		{Rewrite{Add: []byte("A: 1\r\n"), Drop: Of(KeepAlive)}, 100, ""},
		{Rewrite{Edits: []Edit{{"A", "1"}}}, 100, ""},
		{Rewrite{Swap: []Swap{{0, "b"}}}, 100, ""},
		{Rewrite{Target: "/y"}, 100, ""},
	} {
		var m Message
		buf := append(make([]byte, 0, len(text)+c.room), text...)
		if n, err := m.ParseRequest(buf[:len(text):len(text)+c.room], DefaultLimits); err != nil || n != len(text) {
			t.Fatal(n, err)
		}
		got := m.Extend(&c.r)
		if string(got) != c.want {
			t.Errorf("%+v with room for %d: %q", c.r, c.room, got)
		}
		if len(got) > 0 && &got[0] != &buf[0] {
			t.Errorf("%+v: copied", c.r)
		}
		if m.Restore(); string(m.Raw) != text {
			t.Errorf("%+v: restored to %q", c.r, m.Raw)
		}
	}
}

// crlfOnce undoes what is already in CR LF.
func crlfOnce(s string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		if s[i] != '\r' {
			out = append(out, s[i])
		}
	}
	return string(out)
}

func TestUnchanged(t *testing.T) {
	var m Message
	if _, err := m.ParseResponse(crlf("HTTP/1.1 200 OK\nServer: x\nKeep-Alive: a\n\n"), DefaultLimits); err != nil {
		t.Fatal(err)
	}
	if !m.Unchanged(&Rewrite{Drop: Of(Connection)}) || m.Unchanged(&Rewrite{Drop: Of(KeepAlive)}) || m.Unchanged(&Rewrite{Edits: []Edit{{"Server", ""}}}) {
		t.Error("Unchanged is wrong")
	}
	if n := testing.AllocsPerRun(100, func() {
		var buf [256]byte
		_ = m.Append(buf[:0], &Rewrite{Drop: Of(KeepAlive), Add: []byte("A: 1\r\n")})
	}); n > 1 { // buf escapes
		t.Errorf("%v allocations", n)
	}
}

func TestAppendField(t *testing.T) {
	if got := string(AppendField(nil, "A-b", "c d")); got != "A-b: c d\r\n" {
		t.Errorf("got %q", got)
	}
	for _, f := range []Field{{"A b", "c"}, {"A", "b\r\nC: d"}, {"", "a"}, {"A:", "b"}} {
		if got := AppendField(nil, f.Name, f.Value); len(got) != 0 {
			t.Errorf("got %q", got)
		}
	}
}
