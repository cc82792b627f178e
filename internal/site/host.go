package site

import "strings"

// Find returns the site a host belongs to: an exact name first, then the longest
// matching wildcard, then "*". The host is lower case and without a port.
func Find(sites []*Site, host string) *Site { return NewIndex(sites).Find(host) }

// Index finds sites by host in a time that does not grow with their number. It
// is immutable.
type Index struct {
	exact, wild map[string]*Site // wild by its suffix with the dot: ".example.com"
	rest        *Site
}

// NewIndex indexes the hosts of sites. Where two sites claim one host, which
// Validate refuses, the first has it.
func NewIndex(sites []*Site) *Index {
	x := &Index{exact: map[string]*Site{}, wild: map[string]*Site{}}
	put := func(m map[string]*Site, k string, s *Site) {
		if m[k] == nil {
			m[k] = s
		}
	}
	for _, s := range sites {
		for _, h := range s.Hosts {
			switch suffix, wild := strings.CutPrefix(h, "*"); {
			case !wild:
				put(x.exact, h, s)
			case suffix != "":
				put(x.wild, suffix, s)
			case x.rest == nil:
				x.rest = s
			}
		}
	}
	return x
}

// Find is the package's Find.
func (x *Index) Find(host string) *Site {
	if s := x.exact[host]; s != nil {
		return s
	}
	if len(x.wild) > 0 {
		for i := 1; i < len(host); i++ { // from 1: the star stands for something
			if host[i] == '.' {
				if s := x.wild[host[i:]]; s != nil {
					return s
				}
			}
		}
	}
	return x.rest
}
