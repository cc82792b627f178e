package wire

import (
	"bytes"
	"slices"
	"testing"
)

// plainly reads the lines of a head one rule after the other, as RFC 9112 5 says them,
// in the order in which their faults are told.
func plainly(b []byte, lim Limits) (int, error) {
	p := bytes.IndexByte(b, '\n') + 1
	for fields := 0; ; fields++ {
		end := bytes.IndexByte(b[p:], '\n')
		if end < 0 {
			return 0, over(len(b), lim)
		}
		row := b[p : p+end]
		p += end + 1
		switch {
		case len(row) == 0 || row[len(row)-1] != '\r':
			return 0, badLineEnd
		case p > lim.Bytes:
			return 0, tooLarge
		case len(row) == 1:
			return p, nil
		case fields == lim.Fields:
			return 0, tooManyFields
		}
		name, value, colon := bytes.Cut(row[:len(row)-1], []byte(":"))
		if !colon || !isToken(name) {
			return 0, badName
		}
		for _, c := range value {
			if chars[c]&inValue == 0 {
				return 0, badValue
			}
		}
	}
}

// padding begins heads so that what follows stands before, in and behind what is
// marked at once, and where it ends.
var padding = func() (out [][]byte) {
	for _, n := range []int{0, 70, 64 - 17, 2*perMark - 17 - 9, maxMarked - 17 - 9, maxMarked} {
		line := []byte{}
		if n > 4 {
			line = append(append([]byte("P: "), bytes.Repeat([]byte("x"), n-5)...), "\r\n"...)
		}
		out = append(out, append([]byte("HTTP/1.1 200 OK\r\n"), line...))
	}
	return out
}()

// readAlike holds that a head's lines are refused for what plainly says, wherever they
// stand in the head.
func readAlike(t *testing.T, lines []byte, lim Limits) {
	t.Helper()
	for _, begin := range padding {
		further := lim
		further.Bytes += len(begin)
		further.Fields++
		readAsPlainly(t, append(begin[:len(begin):len(begin)], lines...), further)
	}
}

func readAsPlainly(t *testing.T, b []byte, lim Limits) {
	t.Helper()
	want, fault := plainly(b, lim)
	var m Message
	n, err := m.ParseResponse(b, lim)
	ofLines := []error{badLineEnd, tooLarge, tooManyFields, badName, badValue}
	switch {
	case err == nil && (fault != nil || n != want):
		t.Fatalf("%d bytes taken; want %d and %v\n%q", n, want, fault, b)
	case err != fault && slices.Contains(ofLines, err):
		t.Fatalf("%v; want %v\n%q", err, fault, b)
	}
}

func TestLinesAreRefusedForWhatIsWrong(t *testing.T) {
	for c := range 256 {
		for at := range 20 { // in every place of the eight bytes that are looked at together
			line := []byte("a-name: some text\r\n")
			if at < len(line) {
				line[at] = byte(c)
			}
			for _, tail := range []string{"", "\r", "\r\n", "b: \tc\t\r\n\r\n", "\xff:\r\n"} {
				readAlike(t, append(line[:len(line):len(line)], tail...), DefaultLimits)
			}
		}
	}
	whole := []byte("A: b\r\nLonger-Name:\tvalue \r\nC:\r\n\r\n")
	for n := range len(whole) + 1 {
		for _, lim := range []Limits{DefaultLimits, {Bytes: n, Fields: 9}, {Bytes: n - 1, Fields: 9}, {Bytes: 99, Fields: 2}} {
			readAlike(t, whole[:n], lim)
		}
	}
}

func FuzzLines(f *testing.F) {
	for _, s := range []string{"", "\r\n", "A: b\r\n\r\n", "A:\tb\r\nC: \x7f\r\n", "A: b\rc\r\n\r\n", "A b\r\n", ": b\r\n", "A: \x00\n", "A: long text that takes several looks\r\n\r\nrest"} {
		f.Add([]byte(s), 64, 3)
	}
	f.Fuzz(func(t *testing.T, b []byte, size, fields int) {
		readAlike(t, b, Limits{Bytes: max(size, 0) % 4096, Fields: max(fields, 0) % 16})
	})
}

func TestControlFindsTheFirst(t *testing.T) {
	for n := range 40 {
		text := bytes.Repeat([]byte("~"), n)
		if got := control(text, 0); got < n {
			t.Errorf("%d of %q", got, text)
		}
		for at := range n {
			for c := range 256 {
				b := slices.Clone(text)
				b[at] = byte(c)
				if at+1 < n { // what stands behind is found later
					b[n-1] = 1
				}
				want := at
				if c >= 0x20 && c != 0x7f {
					want = n
					if at+1 < n {
						want = n - 1
					}
				}
				for from := range at + 1 {
					if got := control(b, from); min(got, n) != want {
						t.Fatalf("%d from %d, want %d: %q", got, from, want, b)
					}
				}
			}
		}
	}
}
