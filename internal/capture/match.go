package capture

import (
	"strings"

	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// holds tells whether the conditions hold that the tree of an Index does not
// decide.
func (p *Plan) holds(head *wire.Head, query string) bool {
	m := &p.Spec.Match
	if len(m.ContentTypes) > 0 && !anyMedia(head, m.ContentTypes) || m.GRPC != "" && !isGRPC(head) {
		return false
	}
	if m.Accepts != "" && !anyAccepts(head, m.Accepts) {
		return false
	}
	for _, c := range p.headers {
		if !hasField(head, c.name, c.want) {
			return false
		}
	}
	for _, c := range p.query {
		if !hasParameter(query, c.name, c.want) {
			return false
		}
	}
	return true
}

// A field may stand several times, and which of them counts is the origin's choice:
// for matching, any does.

func anyMedia(head *wire.Head, want []string) bool {
	for i := range head.Fields {
		if f := &head.Fields[i]; strings.EqualFold(f.Name, "Content-Type") && hasMedia(want, f.Value) {
			return true
		}
	}
	return false
}

func anyAccepts(head *wire.Head, want string) bool {
	for i := range head.Fields {
		if f := &head.Fields[i]; strings.EqualFold(f.Name, "Accept") && accepts(f.Value, want) {
			return true
		}
	}
	return false
}

func hasField(head *wire.Head, name, want string) bool {
	for i := range head.Fields {
		if f := &head.Fields[i]; strings.EqualFold(f.Name, name) && f.Value != "" && (want == "*" || f.Value == want) {
			return true
		}
	}
	return false
}

// isGRPC tells of gRPC and gRPC-web, with whatever codec.
func isGRPC(head *wire.Head) bool {
	for i := range head.Fields {
		if f := &head.Fields[i]; strings.EqualFold(f.Name, "Content-Type") && isGRPCMedia(f.Value) {
			return true
		}
	}
	return false
}

func isGRPCMedia(v string) bool {
	const prefix = "application/grpc"
	v = media(v)
	return len(v) >= len(prefix) && strings.EqualFold(v[:len(prefix)], prefix) && (len(v) == len(prefix) || v[len(prefix)] == '+' || v[len(prefix)] == '-')
}

// hasParameter tells whether a parameter has a value, or with "*" whether it is
// there, any of those that stand several times.
func hasParameter(query, name, want string) bool {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if f := pairValue(pair, name, maxValue); f.ok && (want == "*" || f.text == want) {
			return true
		}
	}
	return false
}

// matchPath compares a canonical path segment by segment. One slash at its end is
// the same resource.
func matchPath(pattern []policy.Segment, path string) bool {
	rest := strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	for _, seg := range pattern {
		if seg.Rest {
			return true
		}
		if rest == "" {
			return false
		}
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		if seg.Literal != "" && seg.Literal != part {
			return false
		}
	}
	return rest == ""
}

func matchHost(hosts []string, host string) bool {
	host = strings.TrimSuffix(host, ".") // the root's dot names the same host
	for _, h := range hosts {
		if h == host {
			return true
		}
		if suffix, wild := strings.CutPrefix(h, "*"); wild && strings.HasSuffix(host, suffix) && len(host) > len(suffix) {
			return true
		}
	}
	return false
}

// media returns the media type of a Content-Type, as it stands.
func media(v string) string {
	if i := strings.IndexByte(v, ';'); i >= 0 {
		v = v[:i]
	}
	return strings.TrimSpace(v)
}

func hasMedia(want []string, got string) bool {
	got = media(got)
	for _, w := range want {
		if strings.EqualFold(w, got) {
			return true
		}
	}
	return false
}

// accepts tells whether an Accept header names a media type outright: */* of a
// script or an image is not a wish for a page.
func accepts(header, want string) bool {
	for header != "" {
		var item string
		item, header, _ = strings.Cut(header, ",")
		if strings.EqualFold(media(item), want) {
			return true
		}
	}
	return false
}
