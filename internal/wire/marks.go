package wire

import "math/bits"

// marks say of the first bytes of a head where names and texts end. Most of what a
// line costs are branches that turn out another way than the last time: by bits, both
// ends of a line are found with hardly any.
type marks struct {
	n            int // bytes marked
	names, texts bitmap
}

// bitmap has a bit for each byte marked, and some that are set behind them.
type bitmap [maxMarked/64 + 1]uint64

const (
	maxMarked = 2 << 10 // more than most heads have
	perMark   = 512     // bytes marked at once: behind a head stands a body, of which nothing is asked
)

// more marks more of b, which it was given before from its beginning on. It tells
// whether it did.
func (k *marks) more(b []byte) bool {
	from := k.n
	n := min(len(b)-from, perMark)
	if !canMark || len(b) < 64 || n <= 0 || from == maxMarked {
		return false
	}
	mark(&b[from], n, &k.names[from/64], &k.texts[from/64])
	k.n += n
	past := (k.n + 63) / 64
	k.names[past], k.texts[past] = ^uint64(0), ^uint64(0)
	return true
}

// line finds the colon and the CR of the line that begins at p. It answers 0 for end
// when the line is not in order, or not all of it is marked.
func (k *marks) line(b []byte, p int) (colon, end int) {
	if p >= k.n {
		return 0, 0
	}
	// Neither waits for the other: what ends a text is in no name.
	colon, end = k.names.next(p), k.texts.next(p)
	if colon == p || colon >= k.n || b[colon] != ':' {
		return 0, 0
	}
	if end+1 >= len(b) || b[end] != '\r' || b[end+1] != '\n' {
		return 0, 0
	}
	return colon, end
}

// next is where the first bit from i on stands. There is one behind what is marked.
func (m *bitmap) next(i int) int {
	w, s := uint(i)/64, uint(i)%64
	if x := m[w]>>s | m[w+1]<<1<<(63-s); x != 0 { // most are within 64 bytes
		return i + bits.TrailingZeros64(x)
	}
	for w++; ; w++ {
		if m[w] != 0 {
			return int(64*w) + bits.TrailingZeros64(m[w])
		}
	}
}
