package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
)

// Authority writes a Host as it is signed: lower case, without the port that the
// scheme has anyway (RFC 9421 2.2.3).
func Authority(host string, https bool) string {
	host = strings.ToLower(host)
	port := ":80"
	if https {
		port = ":443"
	}
	return strings.TrimSuffix(host, port)
}

// base appends the signature base (RFC 9421 2.5): a line for each component and
// the parameters as they stand in Signature-Input.
func (r *Request) base(dst []byte, covered []string, params string) ([]byte, error) {
	for _, name := range covered {
		value, err := r.component(name)
		if err != nil {
			return nil, err
		}
		plain, key, keyed := strings.Cut(name, keyParameter)
		dst = append(dst, '"')
		dst = append(dst, plain...)
		if dst = append(dst, '"'); keyed {
			dst = append(dst, keyParameter...)
			dst = append(dst, key...)
		}
		dst = append(dst, ": "...)
		dst = append(dst, value...)
		dst = append(dst, '\n')
	}
	dst = append(dst, `"@signature-params": `...)
	return append(dst, params...), nil
}

// component is the value of one of them (RFC 9421 2.1, 2.2).
func (r *Request) component(name string) (string, error) {
	path, query, _ := strings.Cut(r.Target, "?")
	value := ""
	switch name {
	case "@method":
		value = r.Method
	case "@authority":
		value = r.Authority
	case "@path":
		if value = path; value == "" {
			value = "/"
		}
	case "@query":
		value = "?" + query
	case "@scheme":
		value = r.Scheme
	case "@request-target":
		value = r.Target
	case "@target-uri":
		value = r.Scheme + "://" + r.Authority + r.Target
	default:
		name, key, keyed := strings.Cut(name, keyParameter)
		v, ok := r.field(name)
		if !ok {
			return "", fmt.Errorf("%w: it covers %s, which is not there", ErrForged, name)
		}
		if keyed {
			m, err := member(v, strings.TrimSuffix(key, `"`))
			if err != nil {
				return "", fmt.Errorf("%w: of %s it covers what is not there", ErrForged, name)
			}
			v = m
		}
		value = v
	}
	if strings.ContainsAny(value, "\r\n") { // it would begin a line of its own
		return "", fmt.Errorf("%w: a line end in %s", ErrMalformed, name)
	}
	return value, nil
}

// field is the combined value of all lines of a name.
func (r *Request) field(name string) (value string, ok bool) {
	for _, f := range r.Fields {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		v := strings.Trim(f.Value, " \t")
		if ok {
			v = value + ", " + v
		}
		value, ok = v, true
	}
	return value, ok
}

func mac(secret, text []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write(text)
	return h.Sum(nil)
}
