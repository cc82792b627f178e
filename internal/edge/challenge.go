package edge

import (
	"net/http"
	"strings"

	"github.com/throughline/throughline/internal/wire"
)

// challengePath is where an authority looks for a proof that a host is ours.
const challengePath = "/.well-known/acme-challenge/"

// challenged answers an authority, if it is one and asks what is open. Any other
// request for such a path is the site's own.
func (e *exchange) challenged() bool {
	ask := e.s.cfg.Challenge
	if ask == nil || e.req.Method != http.MethodGet || !strings.HasPrefix(e.req.Target, challengePath) {
		return false
	}
	text, ok := ask(e.req.Host, e.req.Target)
	if !ok {
		return false
	}
	e.own(http.StatusOK, []wire.Field{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}}, []byte(text))
	return true
}
