package capture

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// Bounds of undoing a Content-Encoding.
const (
	maxDecoded = 1 << 20 // bytes that a body, or a step of it, may grow to
	maxCodings = 2       // one upon the other
	maxWindow  = 8 << 20 // of zstd, as RFC 9659 bounds it for the web
)

var (
	errEncoding = errors.New("content encoding not supported")
	errDamaged  = errors.New("damaged content encoding")
)

// plain undoes a Content-Encoding, bounded. cut tells that the body goes on
// after what is returned.
func plain(body []byte, encoding string) (text []byte, cut bool, err error) {
	if encoding == "" {
		return body, false, nil
	}
	codings := strings.Split(encoding, ",")
	if len(codings) > maxCodings {
		return nil, false, errEncoding
	}
	for i := len(codings) - 1; i >= 0; i-- { // the last was applied last
		var short bool
		if body, short, err = decoded(body, strings.ToLower(strings.TrimSpace(codings[i]))); err != nil {
			return nil, false, err
		}
		cut = cut || short
	}
	return body, cut, nil
}

func decoded(body []byte, coding string) (text []byte, cut bool, err error) {
	in := bytes.NewReader(body)
	var r io.Reader
	switch coding {
	case "", "identity":
		return body, false, nil
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(in)
	case "deflate":
		// The name means zlib, but some send it raw.
		if r, err = zlib.NewReader(in); err != nil {
			in.Reset(body)
			r, err = flate.NewReader(in), nil
		}
	case "br":
		r = brotli.NewReader(in)
	case "zstd":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true)); err == nil {
			defer d.Close()
		}
		r = d
	default:
		return nil, false, errEncoding
	}
	if err != nil {
		return nil, false, errDamaged
	}
	text, err = io.ReadAll(io.LimitReader(r, maxDecoded))
	if err != nil && len(text) == 0 {
		return nil, false, errDamaged
	}
	return text, err != nil || len(text) == maxDecoded, nil
}
