package edge

import (
	"net/http"
	"strconv"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// answer responds in the origin's place, with exactly the fields given.
func (e *exchange) answer(a *wire.Answer) {
	e.s.counters.answered.Add(1)
	e.x.Answered = true
	e.own(a.Status, a.Fields, a.Body)
}

// plain answers a bare status that says nothing of us.
func (e *exchange) plain(status int) {
	p := e.page(status)
	e.own(status, []wire.Field{{Name: "Content-Type", Value: p.ContentType}}, p.Body)
}

// own sends a response made here: it is written as a head and read again, so
// that it takes the way of every other. The Decider hears of it at the response
// head if it made it, and else at the end. A client of gRPC gets a refusal as its
// protocol has it.
func (e *exchange) own(status int, fields []wire.Field, content []byte) {
	if status >= http.StatusBadRequest && e.speaksGRPC() {
		fields, content = e.grpcEnd(grpcOf(status), http.StatusText(status)), nil
		status = http.StatusOK
	}
	e.f.unwatch()
	if e.begun {
		e.cut()
		return
	}
	e.begun = true
	bad := e.up.first() != nil || e.up.failure() != nil
	if e.up.open() && !e.up.short(e) || bad || e.s.draining.Load() {
		e.last = true
	}
	head := e.ownHead(status, fields, content)
	if e.ask && e.mode != site.Mirror { // what ends a copy is no response to it
		if e.want.Request == wire.BodyCopy {
			e.up.publish(&e.x.ReqBody)
		}
		e.x.RespTime = e.s.cfg.Clock()
		e.x.Response = wire.Head{Status: status, Reason: http.StatusText(status), Proto: "HTTP/1.1", Fields: fields}
		e.x.RespBody = wire.Body{Bytes: content, Seen: true}
		if e.x.Answered {
			e.decide(wire.PhaseResponseHead) // what it decides of its own answer has no effect
		}
	}
	var m wire.Message
	if _, err := m.ParseResponse(head, wire.Limits{Bytes: len(head), Fields: len(fields) + 1}); err != nil {
		e.s.cfg.Logger.Error("an answer is no response", "status", status, "error", err.Error())
		e.s.counters.faults.Add(1)
		e.cut()
		return
	}
	e.f.begin(&m, &wire.Rewrite{Edits: e.mark(nil)}, e.last)
	var err error
	if hasBody(e.req.Method, status) {
		err = e.f.write(content)
	}
	if err == nil {
		err = e.f.finish(nil)
	}
	if err != nil {
		e.cut()
	}
}

// ownHead writes a response head of the fields given and the length.
func (e *exchange) ownHead(status int, fields []wire.Field, content []byte) []byte {
	head := append(make([]byte, 0, 512), "HTTP/1.1 "...)
	head = strconv.AppendInt(head, int64(status), 10)
	head = append(head, ' ')
	head = append(head, http.StatusText(status)...)
	head = append(head, '\r', '\n')
	for _, f := range fields {
		switch k := wire.KindOf(f.Name); {
		case k == wire.ContentLength, k.HopByHop():
		default:
			head = wire.AppendField(head, f.Name, f.Value)
		}
	}
	if hasBody("", status) {
		head = append(head, "Content-Length: "...)
		head = strconv.AppendInt(head, int64(len(content)), 10)
		head = append(head, '\r', '\n')
	}
	return append(head, '\r', '\n')
}

// replace sends the origin's response with another body.
func (e *exchange) replace(content []byte) {
	e.last = e.last || e.up.open()
	e.begun = true
	e.add = append(e.add[:0], "Content-Length: "...)
	e.add = strconv.AppendInt(e.add, int64(len(content)), 10)
	e.add = append(e.add, '\r', '\n')
	e.f.begin(&e.resp, &wire.Rewrite{Edits: e.edits, Add: e.add,
		Drop: never | wire.Of(wire.ContentLength, wire.TransferEncoding, wire.Trailer)}, e.last)
	err := e.f.write(content)
	if err == nil {
		err = e.f.finish(nil)
	}
	if err != nil {
		e.gone()
		e.cut()
	}
}
