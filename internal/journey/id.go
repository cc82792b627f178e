package journey

import (
	"fmt"
	"strconv"
)

// Epoch is the millisecond from which IDs count: 2020-01-01T00:00:00Z.
const Epoch int64 = 1577836800000

// ID names a Session, an Event or a Spec ID. It has 63 bits: milliseconds since
// Epoch << 22 | partition (10 bits) | sequence (12 bits), so IDs sort by time.
// The judge gives them. In JSON it is a decimal string, since a JavaScript
// number cannot hold it.
type ID int64

// NewID builds an ID from event time (Unix microseconds), partition and a
// sequence; both are masked to their width.
func NewID(micros int64, partition, sequence int) ID {
	ms := micros/1000 - Epoch
	if ms < 0 {
		ms = 0
	}
	return ID(ms<<22 | int64(partition&0x3ff)<<12 | int64(sequence&0xfff))
}

// Micros returns the time an ID was given, at millisecond precision.
func (id ID) Micros() int64 { return (int64(id)>>22 + Epoch) * 1000 }

// Partition returns the partition that gave the ID.
func (id ID) Partition() int { return int(id>>12) & 0x3ff }

func (id ID) String() string { return strconv.FormatInt(int64(id), 10) }

// ParseID reads the decimal form; it refuses zero, signs and overflow.
func ParseID(s string) (ID, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || s[0] == '+' || s[0] == '0' {
		return 0, fmt.Errorf("id %q: want a decimal number of up to 19 digits", s)
	}
	return ID(n), nil
}

// MarshalText renders the decimal form; the zero ID is the empty string.
func (id ID) MarshalText() ([]byte, error) {
	if id == 0 {
		return []byte{}, nil
	}
	return strconv.AppendInt(nil, int64(id), 10), nil
}

// UnmarshalText reads what MarshalText wrote.
func (id *ID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*id = 0
		return nil
	}
	v, err := ParseID(string(b))
	*id = v
	return err
}
