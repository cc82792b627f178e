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

// ranked is a Spec with its place in the order of specificity.
type ranked struct {
	rank int
	spec *policy.Spec
}

// NewIndex takes Specs in order of specificity.
func NewIndex(specs []*policy.Spec) *Index {
	x := &Index{buckets: map[bucketKey][]ranked{}, anyRoot: map[string][]ranked{}}
	for i, s := range specs {
		methods := s.Match.Methods
		if len(methods) == 0 {
			methods = []string{""}
		}
		for _, m := range methods {
			if len(s.Match.Path) > 0 && s.Match.Path[0].Literal != "" {
				k := bucketKey{m, s.Match.Path[0].Literal}
				x.buckets[k] = append(x.buckets[k], ranked{i, s})
			} else {
				x.anyRoot[m] = append(x.anyRoot[m], ranked{i, s})
			}
		}
	}
	return x
}

// Match returns the most specific Spec that matches, nil when none does. It
// allocates nothing unless the path is spelt oddly.
func (x *Index) Match(head *wire.Head) *policy.Spec {
	path, query := head.Path()
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
			if matches(&r.spec.Match, head, path, query) {
				best = r
				break
			}
		}
	}
	return best.spec
}

func matches(m *policy.Match, head *wire.Head, path, query string) bool {
	if len(m.Path) > 0 && !matchPath(m.Path, path, nil) || len(m.Hosts) > 0 && !matchHost(m.Hosts, head.Host) {
		return false
	}
	if len(m.ContentTypes) > 0 && !hasMedia(m.ContentTypes, head.Get("Content-Type")) {
		return false
	}
	if m.Accepts != "" && !accepts(head.Get("Accept"), m.Accepts) {
		return false
	}
	for name, want := range m.Headers {
		if got := head.Get(name); got == "" || want != "*" && got != want {
			return false
		}
	}
	for name, want := range m.Query {
		got, ok := parameter(query, name)
		if !ok || want != "*" && got != want {
			return false
		}
	}
	return true
}

// matchPath compares segment by segment; named, when not nil, takes the values
// of the named segments.
func matchPath(pattern []policy.Segment, path string, named func(name, value string)) bool {
	rest := strings.TrimPrefix(path, "/")
	for i, seg := range pattern {
		if seg.Rest {
			return true
		}
		part, after, more := strings.Cut(rest, "/")
		switch {
		case seg.Name != "":
			if part == "" {
				return false
			}
			if named != nil {
				named(seg.Name, part)
			}
		case seg.Any:
			if part == "" {
				return false
			}
		case seg.Literal != part:
			return false
		}
		last := i == len(pattern)-1
		if !more {
			return last || pattern[i+1].Rest && i+1 == len(pattern)-1
		}
		if last {
			return after == "" // one trailing slash is the same resource
		}
		rest = after
	}
	return true
}

func matchHost(hosts []string, host string) bool {
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
