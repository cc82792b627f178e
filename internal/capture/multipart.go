package capture

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"

	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

const maxParts = 1000

var (
	errBoundary = errors.New("multipart without a boundary")
	errCut      = errors.New("goes on past what is read")
)

// readMultipart reads fields, and of files what they are but not what they hold.
// Of a part that was cut off nothing is known.
func readMultipart(head *wire.Head, body readable, s *side, slots []repeated) {
	if len(s.parts) == 0 || len(body.raw) == 0 {
		return
	}
	eachPart(head, body.raw, func(p *multipart.Part) {
		wanted := s.parts[p.FormName()]
		if len(wanted) == 0 {
			return
		}
		name, kind := p.FileName(), p.Header.Get("Content-Type")
		name = name[strings.LastIndexByte(name, '\\')+1:] // some send the whole path
		file := name != "" || kind == "application/octet-stream"
		text, size, sum, err := content(p, file)
		for _, slot := range wanted {
			m := &s.maps[slot]
			f := found{}
			switch {
			case m.Source == policy.SourceMultipart && !file:
				f = within(string(legacyText(head, []byte(text))), maxNested)
			case m.Source != policy.SourceFile || !file:
				continue
			case m.Part == "name":
				f = within(name, maxValue)
			case m.Part == "type":
				f = within(media(kind), maxValue)
			case m.Part == "size":
				f = found{text: strconv.FormatInt(size, 10), ok: true}
			default:
				f = found{text: sum, ok: true}
			}
			if err != nil && (m.Source == policy.SourceMultipart || m.Part == "size" || m.Part == "sha256") {
				f = found{err: errCut}
			}
			f.own = true
			slots[slot].next(f)
		}
	}, func(err error) {
		for _, wanted := range s.parts {
			for _, slot := range wanted {
				slots[slot].next(found{err: err})
			}
		}
	})
}

// eachPart calls for the parts of a body, or says why there are none.
func eachPart(head *wire.Head, body []byte, use func(*multipart.Part), fail func(error)) {
	v := head.Get("Content-Type")
	_, params, err := mime.ParseMediaType(v)
	if err != nil && params == nil || params["boundary"] == "" {
		if hasMedia([]string{"multipart/form-data", "multipart/mixed"}, v) {
			fail(errBoundary)
		}
		return
	}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for range maxParts {
		p, err := r.NextRawPart()
		if err != nil {
			return
		}
		use(p)
	}
}

// content reads a part: a field's text, a file's size and digest.
func content(p *multipart.Part, file bool) (text string, size int64, sum string, err error) {
	if !file {
		b, err := io.ReadAll(io.LimitReader(p, maxNested+1))
		return string(b), int64(len(b)), "", err
	}
	h := sha256.New()
	size, err = io.Copy(h, p)
	return "", size, hex.EncodeToString(h.Sum(nil)), err
}
