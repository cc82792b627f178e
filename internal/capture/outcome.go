package capture

import (
	"bytes"
	"strings"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// Outcome tells how the origin answered: by the first of the Spec's rules that
// holds, else by status class.
func (c *Capturer) Outcome(s *policy.Spec, x *wire.Exchange) journey.Outcome {
	status := x.Response.Status
	if status == 0 || status >= 500 {
		return journey.OriginError
	}
	if len(s.Outcome) > 0 {
		var body []byte // stays empty when it can't be read
		if len(x.RespBody.Bytes) > 0 {
			body, _, _ = c.codecs.plain(x.RespBody.Bytes, encodings(&x.Response))
			body = utf8Text(body)
		}
		for i := range s.Outcome {
			if holds(&s.Outcome[i], status, x.Response.Get("Location"), body) {
				return s.Outcome[i].Outcome
			}
		}
	}
	if status >= 400 {
		return journey.Failure
	}
	return journey.Success
}

func holds(r *policy.OutcomeRule, status int, location string, body []byte) bool {
	if len(r.Statuses) > 0 {
		in := false
		for _, s := range r.Statuses {
			in = in || status >= s[0] && status <= s[1]
		}
		if !in {
			return false
		}
	}
	if r.Location != "" && !glob(r.Location, location) {
		return false
	}
	if r.BodyHas != "" && !bytes.Contains(body, []byte(r.BodyHas)) {
		return false
	}
	if len(r.JSONPath) > 0 {
		f := lookupJSON(body, [][]string{r.JSONPath})[0]
		return f.ok && f.text == r.JSONEquals
	}
	return true
}

// glob matches a pattern whose * stands for any text.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, parts[len(parts)-1])
}
