package policy

import (
	"slices"
	"strings"
	"time"
)

// maxNames bounds the cookies, headers and tokens that a policy names.
const maxNames = 32

// sessionRules reads how sessions are told apart.
func (c *compiler) sessionRules(m *mapping) {
	if c.sess {
		m.bad("is a second document of kind session", "keep one")
	}
	c.sess = true
	s := &c.snap.Session
	before := len(c.f.list)
	if v, ok := m.get("timeout"); ok {
		s.Timeout = duration(v, time.Minute, 24*time.Hour)
	}
	if v, ok := m.get("max_age"); ok {
		s.MaxAge = duration(v, time.Minute, 30*24*time.Hour)
	}
	if s.MaxAge < s.Timeout && len(c.f.list) == before {
		m.bad("max_age ("+short(s.MaxAge)+") is below timeout ("+short(s.Timeout)+")", "e.g. timeout: 30m and max_age: 24h")
	}
	s.Cookies = once(m, "cookies", func(v value, name string) bool { return cookieName(v, name) })
	s.DeviceCookies = once(m, "device_cookies", func(v value, name string) bool {
		if slices.Contains(s.Cookies, name) {
			v.bad(quote(name)+" is named under cookies as well", "one of them: cookies for what ends with a session, device_cookies for what outlives it")
			return false
		}
		return cookieName(v, name)
	})
	s.Headers = once(m, "headers", headerName)
	s.Tokens = once(m, "tokens", c.token)
}

// once reads a list of texts, each of which stands there once.
func once(m *mapping, key string, fits func(value, string) bool) (out []string) {
	v, ok := m.get(key)
	if !ok {
		return nil
	}
	for i, item := range v.list() {
		s, ok := item.text()
		switch {
		case !ok:
		case i == maxNames:
			item.bad("is one of more than 32", "the ones that tell visitors apart best")
			return out
		case slices.ContainsFunc(out, func(o string) bool { return o == s || key == "headers" && strings.EqualFold(o, s) }):
			item.bad(quote(s)+" stands here twice", "each once")
		case fits(item, s):
			out = append(out, s)
		}
	}
	return out
}

func cookieName(v value, name string) bool {
	if !isToken(name) {
		v.bad(quote(name)+" is no cookie name", "e.g. session_id")
		return false
	}
	return true
}

// headerName takes a header that carries a token. Those that hold more than one, or
// none, would be another key in every request, or the same in all.
func headerName(v value, name string) bool {
	const right = "a header that holds nothing but a token, e.g. x-csrf-token or x-session-id"
	switch {
	case !isToken(name):
		v.bad(quote(name)+" is no header name", right)
	case strings.EqualFold(name, "cookie"), strings.EqualFold(name, "set-cookie"):
		v.bad(quote(name)+" holds several cookies", "their names under cookies or device_cookies")
	case slices.Contains([]string{"host", "user-agent", "accept", "accept-language", "accept-encoding", "referer", "origin", "content-type", "content-length",
		"connection", "date", "via", "forwarded", "x-forwarded-for", "x-real-ip"}, strings.ToLower(name)):
		v.bad(quote(name)+" carries no token: many visitors share what it says", right)
	default:
		return true
	}
	return false
}

// token reads a source of tokens. It is read in requests, in responses, or in both,
// where it can stand.
func (c *compiler) token(v value, s string) bool {
	kind, _, _ := strings.Cut(s, ".")
	kind, _, _ = strings.Cut(kind, " ")
	right := forms(func(f Source) bool { return (f.Request || f.Response) && holdsTokens(f.Form) })
	if !slices.ContainsFunc(Sources(), func(f Source) bool {
		return (f.Request || f.Response) && holdsTokens(f.Form) && (f.Form == kind || strings.HasPrefix(f.Form, kind+".") || strings.HasPrefix(f.Form, kind+" "))
	}) {
		v.bad(quote(s)+" holds no token", right)
		return false
	}
	try := func(response bool) (Mapping, *faults) {
		quiet := v
		quiet.f = &faults{}
		m, _ := source(quiet, s, response)
		if instead, whole := credentials(m, response); whole && len(quiet.f.list) == 0 {
			if instead == "" {
				instead = "nothing: bearer tokens are read without; another scheme by session.headers"
			}
			quiet.bad(quote(s)+" holds secrets as a whole", instead)
		}
		if part := m.Part; len(quiet.f.list) == 0 && (m.Source == SourceHTML && part == "title" || m.Source == SourceGraphQL && part != "variables" && part != "arguments") {
			quiet.bad(quote(s)+" holds no token", right)
		}
		m.Pos = v.pos
		return m, quiet.f
	}
	request, no := try(false)
	response, nor := try(true)
	if len(no.list) > 0 && len(nor.list) > 0 {
		if begins(kind, false) {
			nor = no
		}
		v.f.list = append(v.f.list, nor.list[0])
		return false
	}
	if len(no.list) == 0 {
		c.snap.Session.RequestTokens = append(c.snap.Session.RequestTokens, request)
	}
	if len(nor.list) == 0 {
		c.snap.Session.ResponseTokens = append(c.snap.Session.ResponseTokens, response)
	}
	return true
}

// holdsTokens tells of a way to write a source whether a token can stand there.
func holdsTokens(form string) bool {
	word, _, _ := strings.Cut(form, ".")
	word, _, _ = strings.Cut(word, " ")
	switch SourceKind(word) {
	case SourceQuery, SourceHeader, SourceCookie, SourceSetCookie, SourceForm, SourceMultipart, SourceJSON, SourceNDJSON, SourceXML, SourceProtobuf:
		return true
	case SourceHTML, SourceGraphQL:
		return strings.HasSuffix(form, "NAME") || strings.HasSuffix(form, "PATH")
	}
	return false
}

// begins tells whether a kind of source stands in a request, or in a response.
func begins(kind string, response bool) bool {
	return slices.ContainsFunc(Sources(), func(f Source) bool {
		return (f.Form == kind || strings.HasPrefix(f.Form, kind+".") || strings.HasPrefix(f.Form, kind+" ")) && (response && f.Response || !response && f.Request)
	})
}

// giveTokens gives every Spec the session's tokens, wherever that document stands.
func (c *compiler) giveTokens() {
	for _, s := range c.snap.Specs {
		s.RequestTokens, s.ResponseTokens = c.snap.Session.RequestTokens, c.snap.Session.ResponseTokens
	}
}
