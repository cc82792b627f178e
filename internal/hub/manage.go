package hub

import (
	"context"
	"strconv"
	"time"

	"github.com/throughline/throughline/internal/auth"
	"github.com/throughline/throughline/internal/control"
)

func userOf(u control.User) User {
	return User{Name: u.Name, Role: string(u.Role), Created: stampOf(u.Created), Disabled: u.Disabled}
}

func tokenOf(t control.Token) Token {
	return Token{Name: t.Name, Role: string(t.Role), Prefix: t.Prefix, Created: stampOf(t.Created),
		LastUsed: stampOf(t.LastUsed), Expires: stampOf(t.Expires)}
}

func (h *Hub) listUsers(ctx context.Context, _ *empty) (*answer[UserList], error) {
	us, err := h.Auth.Users(ctx)
	if err != nil {
		return nil, h.failed(ctx, "", err)
	}
	return &answer[UserList]{UserList{Users: each(us, userOf)}}, nil
}

func (h *Hub) createUser(ctx context.Context, in *bodyOf[NewUser]) (*answer[User], error) {
	u, err := h.Auth.CreateUser(ctx, callerOf(ctx).by(), in.Body.Name, control.Role(in.Body.Role), in.Body.Password)
	if err != nil {
		return nil, h.failed(ctx, "body", err)
	}
	return &answer[User]{userOf(u)}, nil
}

func (h *Hub) deleteUser(ctx context.Context, in *nameInput) (*empty, error) {
	if err := h.Auth.DeleteUser(ctx, callerOf(ctx).by(), in.Name); err != nil {
		return nil, h.failed(ctx, "path", err)
	}
	return nil, nil
}

func (h *Hub) listTokens(ctx context.Context, _ *empty) (*answer[TokenList], error) {
	ts, err := h.Auth.Tokens(ctx)
	if err != nil {
		return nil, h.failed(ctx, "", err)
	}
	return &answer[TokenList]{TokenList{Tokens: each(ts, tokenOf)}}, nil
}

func (h *Hub) createToken(ctx context.Context, in *bodyOf[NewToken]) (*answer[CreatedToken], error) {
	c := callerOf(ctx)
	expires, ok := parseExpiry(in.Body.Expires, c.now)
	if !ok {
		return nil, h.failed(ctx, "body", auth.Faults{{Field: "expires", Message: "want RFC 3339 as 2027-03-01T00:00:00Z, or a time from now as 90d"}})
	}
	t, secret, err := h.Auth.CreateToken(ctx, c.by(), in.Body.Name, control.Role(in.Body.Role), expires)
	if err != nil {
		return nil, h.failed(ctx, "body", err)
	}
	return &answer[CreatedToken]{CreatedToken{Token: tokenOf(t), Secret: secret}}, nil
}

// parseExpiry reads RFC 3339 or a span from now; "" is never.
func parseExpiry(s string, now time.Time) (time.Time, bool) {
	if s == "" {
		return time.Time{}, true
	}
	if d, ok := parseSpan(s); ok {
		return now.Add(d), true
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil
}

func (h *Hub) deleteToken(ctx context.Context, in *nameInput) (*empty, error) {
	if err := h.Auth.DeleteToken(ctx, callerOf(ctx).by(), in.Name); err != nil {
		return nil, h.failed(ctx, "path", err)
	}
	return nil, nil
}

func (h *Hub) listAudit(ctx context.Context, in *auditInput) (*answer[AuditList], error) {
	var before int64
	if in.Cursor != "" {
		var err error
		if before, err = strconv.ParseInt(in.Cursor, 10, 64); err != nil || before <= 0 {
			return nil, h.failed(ctx, "query", auth.Faults{{Field: "cursor", Message: "want the next of the page before"}})
		}
	}
	// One more than asked for tells whether there is another page.
	es, err := h.Auth.AuditLog(ctx, before, in.Limit+1)
	if err != nil {
		return nil, h.failed(ctx, "", err)
	}
	var next string
	if len(es) > in.Limit {
		es = es[:in.Limit]
		next = strconv.FormatInt(es[len(es)-1].ID, 10)
	}
	return &answer[AuditList]{AuditList{Entries: each(es, auditOf), Next: next}}, nil
}

func auditOf(e control.AuditEntry) AuditEntry {
	return AuditEntry{ID: strconv.FormatInt(e.ID, 10), Time: stampOf(e.Time), Actor: e.Actor, Action: e.Action,
		Target: e.Target, Detail: e.Detail, IP: e.IP}
}
