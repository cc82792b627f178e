package capture

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/throughline/throughline/internal/wire"
)

// Bounds of decoding.
const (
	maxDecoded   = 1 << 20 // bytes a compressed body may grow to
	maxEncodings = 2       // one upon the other
	maxMembers   = 64      // of a gzip body
	maxWindow    = 8 << 20 // bytes a zstd body may refer back (RFC 9659); brotli's format ends at 16 MiB
)

var (
	errEncoding = errors.New("content encoding not supported")
	errDamaged  = errors.New("damaged content encoding")
)

// codecs undo content encodings. Decoders are used again, since their windows cost
// more than the bodies. The zero value is ready; safe for concurrent use.
type codecs struct{ gzip, zlib, flate, brotli, zstd sync.Pool }

// decoder is a pooled decoder of a format, over its own source.
type decoder[R any] struct {
	from bytes.Reader
	r    R
}

// encodings returns all that a head says of its body's encoding.
func encodings(h *wire.Head) string {
	out := ""
	for i := range h.Fields {
		if strings.EqualFold(h.Fields[i].Name, "Content-Encoding") {
			if out != "" {
				out += ","
			}
			out += h.Fields[i].Value
		}
	}
	return out
}

// plain undoes a Content-Encoding, bounded. cut tells that the body goes on after
// what is returned.
func (c *codecs) plain(body []byte, encoding string) (text []byte, cut bool, err error) {
	var chain [maxEncodings]string
	n := 0
	for encoding != "" {
		var one string
		one, encoding, _ = strings.Cut(encoding, ",")
		switch one = strings.ToLower(strings.TrimSpace(one)); one {
		case "", "identity":
			continue
		case "gzip", "x-gzip", "deflate", "br", "zstd":
		default:
			return nil, false, errEncoding
		}
		if n == len(chain) {
			return nil, false, errEncoding
		}
		chain[n], n = one, n+1
	}
	text = body
	for n--; n >= 0; n-- { // the last was put on last
		var more bool
		if text, more, err = c.undo(text, chain[n]); err != nil {
			return nil, false, err
		}
		cut = cut || more
	}
	return text, cut, nil
}

func (c *codecs) undo(body []byte, encoding string) (text []byte, cut bool, err error) {
	switch encoding {
	case "deflate":
		text, err = c.deflate(body)
	case "br":
		text, err = c.unbrotli(body)
	case "zstd":
		text, err = c.unzstd(body)
	default:
		text, err = c.gunzip(body)
	}
	if err != nil && len(text) == 0 {
		return nil, false, errDamaged
	}
	return text, err != nil || len(text) == maxDecoded, nil
}

// gunzip reads members until something else follows. Other decoders overlook what
// follows the last one, so that it must not make the body look unfinished here.
func (c *codecs) gunzip(body []byte) ([]byte, error) {
	d, ok := c.gzip.Get().(*decoder[gzip.Reader])
	if !ok {
		d = new(decoder[gzip.Reader])
	}
	defer func() { d.from.Reset(nil); c.gzip.Put(d) }()
	d.from.Reset(body)
	var text []byte
	for member := range maxMembers {
		if err := d.r.Reset(&d.from); err != nil {
			if member > 0 {
				return text, nil
			}
			return nil, err
		}
		d.r.Multistream(false)
		var err error
		if text, err = bounded(text, &d.r); err != nil {
			return text, err
		}
		if d.from.Len() == 0 || len(text) == maxDecoded {
			return text, nil
		}
	}
	return text, io.ErrUnexpectedEOF
}

// deflate reads the format of that name, or the bare stream that some senders mean
// by it.
func (c *codecs) deflate(body []byte) ([]byte, error) {
	if len(body) >= 2 && body[0]&15 == 8 && (int(body[0])<<8|int(body[1]))%31 == 0 {
		if text, err := c.unzlib(body); err == nil || len(text) > 0 {
			return text, err
		}
	}
	d, ok := c.flate.Get().(*decoder[io.ReadCloser])
	if !ok {
		d = new(decoder[io.ReadCloser])
		d.r = flate.NewReader(&d.from)
	}
	defer func() { d.from.Reset(nil); c.flate.Put(d) }()
	d.from.Reset(body)
	if err := d.r.(flate.Resetter).Reset(&d.from, nil); err != nil {
		return nil, err
	}
	return bounded(nil, d.r)
}

func (c *codecs) unzlib(body []byte) ([]byte, error) {
	d, ok := c.zlib.Get().(*decoder[io.ReadCloser])
	if !ok {
		d = new(decoder[io.ReadCloser])
	}
	d.from.Reset(body)
	var err error
	if d.r == nil {
		d.r, err = zlib.NewReader(&d.from)
	} else {
		err = d.r.(zlib.Resetter).Reset(&d.from, nil)
	}
	if err != nil {
		return nil, err
	}
	defer func() { d.from.Reset(nil); c.zlib.Put(d) }()
	return bounded(nil, d.r)
}

func (c *codecs) unbrotli(body []byte) ([]byte, error) {
	d, ok := c.brotli.Get().(*decoder[brotli.Reader])
	if !ok {
		d = new(decoder[brotli.Reader])
	}
	defer func() { d.from.Reset(nil); c.brotli.Put(d) }()
	d.from.Reset(body)
	if err := d.r.Reset(&d.from); err != nil {
		return nil, err
	}
	text, err := bounded(nil, &d.r)
	if err != nil && err.Error() == "brotli: excessive input" {
		err = nil // the stream was whole
	}
	return text, err
}

func (c *codecs) unzstd(body []byte) ([]byte, error) {
	d, ok := c.zstd.Get().(*decoder[*zstd.Decoder])
	if !ok {
		// One at a time, or it would start goroutines.
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		d = &decoder[*zstd.Decoder]{r: r}
	}
	defer func() { d.from.Reset(nil); c.zstd.Put(d) }()
	d.from.Reset(body)
	if err := d.r.Reset(&d.from); err != nil {
		return nil, err
	}
	text, err := bounded(nil, d.r)
	if errors.Is(err, zstd.ErrMagicMismatch) && len(text) > 0 {
		err = nil // the frames before were whole
	}
	return text, err
}

// bounded appends what a reader gives to text, up to maxDecoded in all.
func bounded(text []byte, r io.Reader) ([]byte, error) {
	for idle := 0; len(text) < maxDecoded; {
		if len(text) == cap(text) {
			text = append(text, make([]byte, min(max(512, len(text)), maxDecoded-len(text)))...)[:len(text)]
		}
		n, err := r.Read(text[len(text):min(cap(text), maxDecoded)])
		text = text[:len(text)+n]
		if err == io.EOF {
			return text, nil
		}
		if err != nil {
			return text, err
		}
		if n > 0 {
			idle = 0
		} else if idle++; idle > 100 {
			return text, io.ErrNoProgress
		}
	}
	return text, nil
}
