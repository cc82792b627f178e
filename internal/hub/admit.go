package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/throughline/throughline/internal/auth"
	"github.com/throughline/throughline/internal/control"
	"github.com/throughline/throughline/internal/insight"
	"github.com/throughline/throughline/internal/recognition"
)

// admit lets a request through to its route if the permission table says so.
func (h *Hub) admit(api huma.API) func(huma.Context, func(huma.Context)) {
	refuse := func(ctx huma.Context, status int, detail string) {
		_ = huma.WriteErr(api, ctx, status, detail)
	}
	return func(ctx huma.Context, next func(huma.Context)) {
		op := ctx.Operation()
		want, known := auth.Required(op.Method, op.Path)
		if !known {
			refuse(ctx, http.StatusForbidden, "the permission table doesn't know this route")
			return
		}
		r, _ := humago.Unwrap(ctx)
		c := callerOf(r.Context())
		if want != auth.Public {
			p, err := h.Auth.Authenticate(r)
			if errors.Is(err, auth.ErrUnknown) {
				ctx.SetHeader("WWW-Authenticate", `Bearer realm="throughline"`)
				refuse(ctx, http.StatusUnauthorized, "sign in, or send an API token as Authorization: Bearer")
				return
			}
			if err != nil {
				h.Logger.Error("authenticate", "error", err)
				refuse(ctx, http.StatusInternalServerError, "internal error")
				return
			}
			c.Principal = p
		}
		if err := h.Auth.CheckForgery(r, c.Principal); err != nil {
			refuse(ctx, http.StatusForbidden, err.Error())
			return
		}
		if !c.May(want) {
			refuse(ctx, http.StatusForbidden, fmt.Sprintf("this needs the permission %s, which %s (%s) doesn't have", want, c.Actor(), c.Role))
			return
		}
		next(ctx)
	}
}

// failed turns an error into an answer. What is not meant for the caller is
// logged and answered in general words. where is "query", "path" or "body":
// what the fields of Faults stand in.
func (h *Hub) failed(ctx context.Context, where string, err error) error {
	var asked insight.Faults
	var given auth.Faults
	var throttled *auth.Throttled
	switch {
	case errors.As(err, &asked):
		details := make([]error, len(asked))
		for i, f := range asked {
			details[i] = fault(where, f.Field, f.Message)
		}
		return huma.Error422UnprocessableEntity("validation failed", details...)
	case errors.As(err, &given):
		details := make([]error, len(given))
		for i, f := range given {
			details[i] = fault(where, f.Field, f.Message)
		}
		return huma.Error422UnprocessableEntity("validation failed", details...)
	case errors.As(err, &throttled):
		return huma.ErrorWithHeaders(huma.Error429TooManyRequests(throttled.Error()),
			http.Header{"Retry-After": {strconv.Itoa(int(throttled.RetryAfter.Seconds()))}})
	case errors.Is(err, auth.ErrCredentials):
		return huma.Error401Unauthorized(auth.ErrCredentials.Error())
	case errors.Is(err, insight.ErrNotFound), errors.Is(err, control.ErrNotFound):
		return huma.Error404NotFound("not found")
	case errors.Is(err, recognition.ErrBusy):
		return huma.ErrorWithHeaders(huma.Error503ServiceUnavailable(recognition.ErrBusy.Error()), http.Header{"Retry-After": {"30"}})
	case errors.Is(err, ErrNoSite), errors.Is(err, recognition.ErrNoSite):
		return huma.Error404NotFound(ErrNoSite.Error())
	case errors.Is(err, control.ErrExists):
		return huma.Error409Conflict("the name is taken")
	case errors.Is(err, control.ErrLastAdmin):
		return huma.Error409Conflict("this is the last admin; make another one first")
	case errors.Is(err, control.ErrSpent):
		return huma.Error403Forbidden("this set-up link is not valid, was used, or has expired; restart Throughline for a new one, or use: throughline user add")
	case ctx.Err() != nil:
		return huma.Error503ServiceUnavailable("the request was given up")
	}
	h.Logger.Error("hub request failed", "error", err)
	return huma.Error500InternalServerError("internal error; the log says more")
}

func fault(where, field, message string) *huma.ErrorDetail {
	return &huma.ErrorDetail{Location: where + "." + field, Message: message}
}
