package discovery

import (
	"slices"
	"strings"
)

const formType = "application/x-www-form-urlencoded"

func isJSON(t string) bool { return t == "application/json" || strings.HasSuffix(t, "+json") }

// wordOf tells of the content types that are kept: those that are known.
func wordOf(t string) bool {
	return t == formType || t == "application/json" || t == "application/graphql+json" || t == "application/vnd.api+json" ||
		t == "application/problem+json" || t == "multipart/form-data" || t == "text/plain" || t == "application/xml" || t == "text/xml"
}

func mediaType(v string) string {
	t, _, _ := strings.Cut(v, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

func known(method string) bool {
	switch strings.ToUpper(method) {
	case "GET", "POST", "PUT", "PATCH", "DELETE":
		return true
	}
	return false
}

// static tells of paths that plainly name a file of the page.
func static(path string) bool {
	dot := strings.LastIndexByte(path, '.')
	if dot < 0 || len(path)-dot > 6 {
		return false
	}
	return slices.Contains([]string{"css", "js", "mjs", "map", "png", "jpg", "jpeg", "gif", "svg", "ico", "webp", "avif",
		"woff", "woff2", "ttf", "mp4", "webm", "pdf", "txt", "xml"}, strings.ToLower(path[dot+1:]))
}

// word tells whether a text reads like a name that an application gives: letters,
// with - _ . between them, and at most two digits. Everything else is taken for a
// value: numbers, hashes, addresses, names of people in other scripts.
func word(s string) bool {
	if len(s) == 0 || len(s) > 40 {
		return false
	}
	digits, mixed, joints := 0, 0, 0
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			if i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
				mixed++
			}
		case '0' <= c && c <= '9':
			digits++
		case (c == '-' || c == '_' || c == '.') && len(s) > 1:
			joints++
		default:
			return false
		}
	}
	return digits <= 2 && mixed <= 1 && joints <= 5 && digits+joints < len(s)
}
