package wire

import "strings"

// Chunks reads the chunked framing of one body (RFC 9112 7.1) as its bytes come,
// without copying them: the relay passes them on as they are, trailers included.
// The zero value is at the beginning of a body.
type Chunks struct {
	state  chunkState
	digits uint8
	left   int64 // of the chunk's data
	extra  int   // bytes of extensions and trailers so far
	// Keep asks for the trailers: their lines, CR LF included, in Trailers.
	Keep bool
	// Response says whose body it is: a request's trailers are looked at more
	// closely, since an origin may trust them.
	Response bool
	Trailers []byte
	name     [longestKnown + 1]byte // of the trailer, as far as it is of interest
	named    uint8
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkExt
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	trailerStart
	trailerName
	trailerValue
	trailerLF
	lastLF
	chunksEnd
)

// longestKnown is the length of the longest name that kindOf knows.
const longestKnown = len("proxy-authorization")

// maxExtra bounds extensions and trailers of one body together.
const maxExtra = 8 << 10

// Next takes bytes from the beginning of b up to the end of the next piece of
// data. It returns how many it took, the data among them, which is a part of b,
// and whether the body has ended; what is left of b then belongs to the next
// message. It is to be called again with the rest until b is used up.
func (c *Chunks) Next(b []byte) (n int, data []byte, done bool, err error) {
	for n < len(b) {
		ch := b[n]
		switch c.state {
		case chunkSize:
			switch {
			case digit(ch):
				c.left = c.left<<4 | int64(ch-'0')
			case ch|0x20 >= 'a' && ch|0x20 <= 'f':
				c.left = c.left<<4 | int64(ch|0x20-'a'+10)
			case c.digits > 0 && ch == '\r':
				c.state = chunkSizeLF
				n++
				continue
			case c.digits > 0 && ch == ';':
				c.state = chunkExt
				n++
				continue
			default:
				return n, nil, false, badChunkSize
			}
			if c.digits++; c.digits > 15 {
				return n, nil, false, badChunkSize
			}
		case chunkExt:
			if ch == '\r' {
				c.state = chunkSizeLF
			} else if c.extra++; chars[ch]&inValue == 0 || c.extra > maxExtra {
				return n, nil, false, badChunkExtension
			}
		case chunkSizeLF:
			if ch != '\n' {
				return n, nil, false, badChunkEnd
			}
			c.digits = 0
			c.state = chunkData
			if c.left == 0 {
				c.state = trailerStart
			}
		case chunkData:
			take := min(int64(len(b)-n), c.left)
			data = b[n : n+int(take)]
			n += int(take)
			if c.left -= take; c.left == 0 {
				c.state = chunkDataCR
			}
			return n, data, false, nil
		case chunkDataCR:
			if ch != '\r' {
				return n, nil, false, badChunkEnd
			}
			c.state = chunkDataLF
		case chunkDataLF:
			if ch != '\n' {
				return n, nil, false, badChunkEnd
			}
			c.state = chunkSize
		default:
			if c.Keep && c.state != lastLF && (c.state != trailerStart || ch != '\r') {
				c.Trailers = append(c.Trailers, ch)
			}
			if done, err = c.trailer(ch); err != nil || done {
				return n + 1, nil, done, err
			}
		}
		n++
	}
	return n, nil, false, nil
}

// trailer takes one byte of the fields behind the last chunk.
func (c *Chunks) trailer(ch byte) (done bool, err error) {
	if c.extra++; c.extra > maxExtra {
		return false, badTrailer
	}
	switch c.state {
	case trailerStart:
		switch {
		case ch == '\r':
			c.state = lastLF
		case chars[ch]&inToken != 0:
			c.state = trailerName
			c.name[0], c.named = ch, 1
		default:
			return false, badTrailer
		}
	case trailerName:
		switch {
		case ch == ':':
			// What frames, routes or authorizes must not come behind the body (RFC 9110
			// 6.5.1): an origin that takes trailers for fields of the head would see what
			// nobody before it has.
			if !c.Response && KindOf(string(c.name[:c.named])) != Plain {
				return false, forbiddenTrailer
			}
			c.state = trailerValue
		case chars[ch]&inToken == 0:
			return false, badTrailer
		case int(c.named) < len(c.name):
			c.name[c.named] = ch
			c.named++
		}
	case trailerValue:
		switch {
		case ch == '\r':
			c.state = trailerLF
		case chars[ch]&inValue == 0:
			return false, badTrailer
		}
	case trailerLF:
		if ch != '\n' {
			return false, badTrailer
		}
		c.state = trailerStart
	case lastLF:
		if ch != '\n' {
			return false, badTrailer
		}
		c.state = chunksEnd
		return true, nil
	default:
		return false, badTrailer
	}
	return false, nil
}

// TrailerFields takes kept trailers apart.
func TrailerFields(lines []byte) []Field {
	if len(lines) == 0 {
		return nil
	}
	var out []Field
	for line := range strings.SplitSeq(string(lines), "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			out = append(out, Field{name, strings.Trim(value, " \t")})
		}
	}
	return out
}

// Ended tells whether the body has ended.
func (c *Chunks) Ended() bool { return c.state == chunksEnd }
