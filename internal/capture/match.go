package capture

import (
	"strings"

	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// Index finds the most specific Spec of a request. It is immutable and built
// once for a policy revision: Specs are kept by method and first literal path
// segment, so that a request looks at few.
type Index struct {
	buckets map[bucketKey][]ranked
	anyRoot map[string][]ranked // by method: Specs whose first segment is open
}

type bucketKey struct{ method, root string }

// ranked is a Spec with its place in the order of specificity and its path in
// canonical form.
type ranked struct {
	rank int
	spec *policy.Spec
	path []policy.Segment
}

// NewIndex takes Specs in order of specificity.
func NewIndex(specs []*policy.Spec) *Index {
	x := &Index{buckets: map[bucketKey][]ranked{}, anyRoot: map[string][]ranked{}}
	for i, s := range specs {
		methods := s.Match.Methods
		if len(methods) == 0 {
			methods = []string{""}
		}
		r := ranked{i, s, compilePath(s.Match.Path)}
		for _, m := range methods {
			switch {
			case len(r.path) > 0 && r.path[0].Literal != "":
				k := bucketKey{m, r.path[0].Literal}
				x.buckets[k] = append(x.buckets[k], r)
			case len(s.Match.Path) > 0 && len(r.path) == 0: // "/"
				x.buckets[bucketKey{m, ""}] = append(x.buckets[bucketKey{m, ""}], r)
			default:
				x.anyRoot[m] = append(x.anyRoot[m], r)
			}
		}
	}
	return x
}

// Match returns the most specific Spec that matches, nil when none does. It
// allocates nothing unless the path is spelt oddly.
func (x *Index) Match(head *wire.Head) *policy.Spec {
	path, query := resource(head)
	path = canonical(path)
	root := strings.TrimPrefix(path, "/")
	if i := strings.IndexByte(root, '/'); i >= 0 {
		root = root[:i]
	}
	var best ranked
	for _, list := range [...][]ranked{
		x.buckets[bucketKey{head.Method, root}], x.anyRoot[head.Method],
		x.buckets[bucketKey{"", root}], x.anyRoot[""],
	} {
		for _, r := range list {
			if best.spec != nil && r.rank > best.rank {
				break
			}
			if matches(&r, head, path, query) {
				best = r
				break
			}
		}
	}
	return best.spec
}

func matches(r *ranked, head *wire.Head, path, query string) bool {
	m := &r.spec.Match
	if len(m.Path) > 0 && !matchPath(r.path, path) || len(m.Hosts) > 0 && !matchHost(m.Hosts, head.Host) {
		return false
	}
	if len(m.ContentTypes) > 0 && !anyField(head, "Content-Type", func(v string) bool { return hasMedia(m.ContentTypes, v) }) {
		return false
	}
	if m.Accepts != "" && !anyField(head, "Accept", func(v string) bool { return accepts(v, m.Accepts) }) {
		return false
	}
	for name, want := range m.Headers {
		if !anyField(head, name, func(v string) bool { return v != "" && (want == "*" || v == want) }) {
			return false
		}
	}
	for name, want := range m.Query {
		if !hasParameter(query, name, want) {
			return false
		}
	}
	return true
}

// anyField tells whether a field of that name holds. A field may stand several
// times, and which of them counts is the origin's choice: for matching, any does.
func anyField(head *wire.Head, name string, holds func(value string) bool) bool {
	for i := range head.Fields {
		if strings.EqualFold(head.Fields[i].Name, name) && holds(head.Fields[i].Value) {
			return true
		}
	}
	return false
}

// hasParameter tells whether a parameter has a value, or with "*" whether it is
// there, any of those that stand several times.
func hasParameter(query, name, want string) bool {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if f := pairValue(pair, name); f.ok && (want == "*" || f.text == want) {
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
