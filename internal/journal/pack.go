package journal

import (
	"encoding/binary"
	"fmt"
)

// A pack is one message of the store with several entries, since the store takes
// as much for a message whatever it holds: a head (a mark, the number of the first
// entry, how many there are) and the entries, each behind its length. All integers
// big-endian. Before there were packs each message was an entry alone, numbered as
// the store numbers messages; such a one begins with a brace, which is no mark.
// Later messages have one entry at least, so that an entry's number is never below
// its message's sequence.
const (
	packMark   = 1
	packHead   = 1 + 8 + 2
	packLength = 4
	packCount  = 1<<16 - 1 // entries at most
)

// maxMessage bounds a message: the largest is a pack of one entry.
const maxMessage = packHead + packLength + MaxEntry

// addPacked adds an entry to a pack that is not sealed. An empty b begins one.
func addPacked(b, entry []byte) []byte {
	if len(b) == 0 {
		b = append(b, make([]byte, packHead)...)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(entry)))
	return append(b, entry...)
}

// sealPack writes the head.
func sealPack(b []byte, first uint64, count int) {
	b[0] = packMark
	binary.BigEndian.PutUint64(b[1:], first)
	binary.BigEndian.PutUint16(b[9:], uint16(count))
}

// unpack gives the entries of the message that the store numbers seq, as views of
// it, and the number of the first. There is at least one.
func unpack(seq uint64, b []byte) (first uint64, entries [][]byte, err error) {
	switch {
	case len(b) == 0:
		err = fmt.Errorf("it is empty")
	case b[0] == '{':
		return seq, [][]byte{b}, nil
	case b[0] != packMark:
		err = fmt.Errorf("it begins with byte %d, want %d or a brace: it was written by a newer throughline, or is damaged", b[0], packMark)
	default:
		first, entries, err = unpackMarked(b)
		if err == nil && first < seq {
			err = fmt.Errorf("it says that its first entry is %d, which can't be below its own number", first)
		}
	}
	if err != nil {
		return 0, nil, fmt.Errorf("message %d: %w", seq, err)
	}
	return first, entries, nil
}

func unpackMarked(b []byte) (first uint64, entries [][]byte, err error) {
	if len(b) < packHead {
		return 0, nil, fmt.Errorf("it has %d bytes, want %d at least", len(b), packHead)
	}
	first = binary.BigEndian.Uint64(b[1:])
	count := int(binary.BigEndian.Uint16(b[9:]))
	rest := b[packHead:]
	switch {
	case count == 0:
		return 0, nil, fmt.Errorf("it says that it has no entries, want 1 at least")
	case count*(packLength+1) > len(rest):
		return 0, nil, fmt.Errorf("it says that it has %d entries, which %d bytes can't hold", count, len(rest))
	case first == 0 || first > 1<<63:
		return 0, nil, fmt.Errorf("it says that its first entry is %d, want 1 to %d", first, uint64(1<<63))
	}
	entries = make([][]byte, count)
	for i := range entries {
		if len(rest) < packLength {
			return 0, nil, fmt.Errorf("it ends before its entry %d of %d", i+1, count)
		}
		n := int64(binary.BigEndian.Uint32(rest))
		rest = rest[packLength:]
		switch {
		case n == 0 || n > MaxEntry:
			return 0, nil, fmt.Errorf("its entry %d of %d has %d bytes, want 1 to %d", i+1, count, n, MaxEntry)
		case n > int64(len(rest)):
			return 0, nil, fmt.Errorf("its entry %d of %d has %d bytes, %d are there", i+1, count, n, len(rest))
		}
		entries[i], rest = rest[:n:n], rest[n:]
	}
	if len(rest) > 0 {
		return 0, nil, fmt.Errorf("%d bytes follow its last entry", len(rest))
	}
	return first, entries, nil
}
