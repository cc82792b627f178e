package edge

import (
	"net/http"
	"strconv"
	"time"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// mirrored ends a request that is the copy of one that takes another way. It is
// seen and its body read within bounds; it never reaches an origin, since all
// would be done twice, and no decision changes its answer.
func (e *exchange) mirrored() {
	if e.ask {
		d := e.decide(wire.PhaseRequestHead)
		e.want.Response, e.want.Refuse = wire.BodyNone, false
		if d.Request != wire.BodyNone {
			e.want.Request = wire.BodyHold
			e.up.limit = wanted(wire.BodyHold, e.want.Limit)
		}
	}
	if err := e.up.first(); err != nil {
		e.uploadFailed(err)
		return
	}
	if e.want.Request == wire.BodyHold {
		if !e.held() {
			return
		}
		e.decide(wire.PhaseRequestBody)
	}
	e.own(http.StatusOK, []wire.Field{{Name: "Cache-Control", Value: "no-store, private, max-age=0, no-cache"}}, nil)
}

// closed answers for a site in maintenance.
func (e *exchange) closed() {
	p := e.site.Upkeep
	if p == nil {
		p = e.page(http.StatusServiceUnavailable)
	}
	fields := []wire.Field{{Name: "Content-Type", Value: p.ContentType}, {Name: "Cache-Control", Value: "no-store"}}
	if s := int64(e.site.Retry / time.Second); s > 0 {
		fields = append(fields, wire.Field{Name: "Retry-After", Value: strconv.FormatInt(s, 10)})
	}
	e.own(http.StatusServiceUnavailable, fields, p.Body)
}

// page is the page of a status: the site's, the one for those who have no site
// or whose site has none, or the plain one.
func (e *exchange) page(status int) *site.Page {
	if e.site != nil {
		if p := e.site.Pages[status]; p != nil {
			return p
		}
	}
	if p := e.s.table.Load().pages[status]; p != nil {
		return p
	}
	return &site.Page{ContentType: "text/plain; charset=utf-8", Body: []byte(http.StatusText(status) + "\n")}
}
