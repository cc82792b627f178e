package wire

import (
	"bytes"
	"strings"
	"testing"
)

func TestEveryByteIsMarked(t *testing.T) {
	if !canMark {
		t.Skip("not on this processor")
	}
	all := make([]byte, 3*256)
	for i := range all {
		all[i] = byte(i * 7) // each value, beside others each time
	}
	for n := 64; n <= 200; n++ {
		for at := 0; at+n <= len(all); at += 13 {
			b := all[at : at+n]
			var names, texts bitmap
			for i := range names {
				names[i], texts[i] = 1<<63, 1<<63 // what was there is written over, up to n
			}
			mark(&b[0], n, &names[0], &texts[0])
			for i, c := range b {
				if got, want := names[i/64]>>(i%64)&1 != 0, chars[c]&inToken == 0; got != want {
					t.Fatalf("%#x at %d of %d: ends a name %v, want %v", c, i, n, got, want)
				}
				if got, want := texts[i/64]>>(i%64)&1 != 0, chars[c]&inValue == 0; got != want {
					t.Fatalf("%#x at %d of %d: ends a text %v, want %v", c, i, n, got, want)
				}
			}
			if r := n % 64; r != 0 && (names[n/64]>>r != 0 || texts[n/64]>>r != 0) {
				t.Fatalf("%d bytes: something is marked behind them", n)
			}
		}
	}
}

// What is in order is found by its marks, up to their end; what is not is left to a
// closer look.
func TestLinesAreFoundByMarks(t *testing.T) {
	if !canMark {
		t.Skip("not on this processor")
	}
	var head strings.Builder
	for i := 0; head.Len() < maxMarked+200; i++ {
		head.WriteString(strings.Repeat("n", 1+i%90) + ":" + strings.Repeat(" v\t\xe4", i*7%50) + "\r\n")
	}
	b := []byte(head.String())
	var k marks
	for p := 0; p < len(b); {
		wantColon, wantEnd := lineEnds(b, p)
		colon, end := k.line(b, p)
		for end == 0 && k.more(b) {
			colon, end = k.line(b, p)
		}
		switch {
		case end == 0 && wantEnd < maxMarked:
			t.Fatalf("line at %d not found", p)
		case end != 0 && (colon != wantColon || end != wantEnd):
			t.Fatalf("line at %d: %d, %d; want %d, %d", p, colon, end, wantColon, wantEnd)
		}
		p = wantEnd + 2
	}
	if k.n != maxMarked {
		t.Errorf("%d bytes marked", k.n)
	}
	for _, odd := range []string{": v\r\n", "a : v\r\n", "a\r\n", "a: v\n\r\n", "a: v\r\r\n", "a: \x00\r\n", "a: \x7f\r\n", " a: v\r\n", "\xe4: v\r\n", "a: v\r"} {
		b := append(bytes.Repeat([]byte("x"), 100), odd...)
		var k marks
		for k.more(b) {
			if _, end := k.line(b, 100); end != 0 {
				t.Errorf("%q is a line", odd)
			}
		}
	}
}
