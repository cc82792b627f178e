package fingerprint

// Class is what devices of one kind have in common, and keep from one connection to
// the next: a class of devices, of which there may be very many, never one of them.
// The order of header fields is no part of it: it is another in each kind of
// request, and over HTTP/2 it is not known.
type Class struct {
	TLS      string // our stable hash; where TLS ends elsewhere, JA4Stable of what is told
	H2       string // the print of HTTP/2
	Browser  string // its family, without a version
	System   string // likewise
	Language string // Accept-Language
}

// Hash is the class as a number, the same in every process; 0 where nothing is known.
func (c Class) Hash() uint64 {
	if c == (Class{}) {
		return 0
	}
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	h := uint64(offset)
	for _, s := range [...]string{c.TLS, c.H2, c.Browser, c.System, c.Language} {
		for i := 0; i < len(s); i++ {
			h = (h ^ uint64(s[i])) * prime
		}
		h = (h ^ 0x100) * prime // no byte of a part
	}
	return max(h, 1)
}

// JA4Stable is what of a JA4 stays when a session is resumed or another name or
// protocol asked for: transport, version and ciphers. "" for what is none.
func JA4Stable(ja4 string) string {
	if !IsJA4(ja4) {
		return ""
	}
	return ja4[:3] + ja4[10:23]
}
