package wire

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestEveryByteIsMarked(t *testing.T) {
	if !canMark {
		t.Skip("not on this processor")
	}
	all := make([]byte, 3*256)
	for i := range all {
		all[i] = byte(i * 7)
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

// What is in order is found by its marks, up to their end, and nothing else is. No byte
// is looked at but those of the head, beside which there is no memory at all.
func TestLinesAreFoundByMarks(t *testing.T) {
	if !canMark {
		t.Skip("not on this processor")
	}
	var text strings.Builder
	for i := 0; text.Len() < maxMarked+300; i++ {
		text.WriteString(strings.Repeat("n", 1+i%90) + ":" + strings.Repeat(" v\t\xe4", i*7%50) + "\r\n")
	}
	m := lonely(t, text.Len())
	for n := 1; n <= text.Len(); n++ {
		for _, b := range [][]byte{m[:n:n], m[len(m)-n:]} {
			copy(b, text.String())
			var k marks
			for i := range k.names { // as what a stack was used for before
				k.names[i], k.texts[i] = 1<<(i%64), 1<<(i*7%64)
			}
			for p, found := 0, true; found && p < n; {
				wantColon, wantEnd := lineEnds(b, p)
				colon, end := k.line(b, p)
				for end == 0 && k.more(b) {
					colon, end = k.line(b, p)
				}
				switch found = wantEnd > 0; {
				case end == 0 && found && n >= 64 && wantEnd < maxMarked:
					t.Fatalf("%d bytes: the line at %d is not found", n, p)
				case end != 0 && (colon != wantColon || end != wantEnd):
					t.Fatalf("%d bytes: the line at %d ends at %d, %d; want %d, %d", n, p, colon, end, wantColon, wantEnd)
				}
				p = wantEnd + 2
			}
		}
	}
}

// lonely gives pages of memory, of n bytes at least, with none before and behind them.
func lonely(t *testing.T, n int) []byte {
	t.Helper()
	page := os.Getpagesize()
	end := page + (n+page-1)/page*page
	all, err := syscall.Mmap(-1, 0, end+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(all) })
	for _, beside := range [][]byte{all[:page], all[end:]} {
		if err := syscall.Mprotect(beside, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return all[page:end]
}

func TestOddLinesAreNotFound(t *testing.T) {
	if !canMark {
		t.Skip("not on this processor")
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
