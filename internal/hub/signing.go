package hub

import (
	"context"

	"github.com/throughline/throughline/internal/auth"
)

func (h *Hub) getSetup(ctx context.Context, _ *empty) (*answer[Setup], error) {
	needs, err := h.Auth.NeedsSetup(ctx)
	if err != nil {
		return nil, h.failed(ctx, "", err)
	}
	return &answer[Setup]{Setup{NeedsSetup: needs, Version: h.Version}}, nil
}

func (h *Hub) createFirstUser(ctx context.Context, in *bodyOf[FirstUser]) (*signedIn, error) {
	s, err := h.Auth.Setup(ctx, in.Body.Token, in.Body.Name, in.Body.Password, callerOf(ctx).ip)
	if err != nil {
		return nil, h.failed(ctx, "body", err)
	}
	return welcome(s), nil
}

func (h *Hub) login(ctx context.Context, in *bodyOf[Login]) (*signedIn, error) {
	s, err := h.Auth.Login(ctx, in.Body.Name, in.Body.Password, callerOf(ctx).ip)
	if err != nil {
		return nil, h.failed(ctx, "body", err)
	}
	return welcome(s), nil
}

func welcome(s auth.SignIn) *signedIn {
	return &signedIn{SetCookie: s.Cookie.String(), Body: meOf(s.Principal)}
}

func meOf(p auth.Principal) Me { return Me{Name: p.Name, Role: string(p.Role), CSRF: p.CSRF} }

func (h *Hub) logout(ctx context.Context, _ *empty) (*signedOut, error) {
	c := callerOf(ctx)
	gone, err := h.Auth.Logout(ctx, c.Principal, c.ip)
	if err != nil {
		return nil, h.failed(ctx, "", err)
	}
	return &signedOut{SetCookie: gone.String()}, nil
}

func (h *Hub) me(ctx context.Context, _ *empty) (*answer[Me], error) {
	return &answer[Me]{meOf(callerOf(ctx).Principal)}, nil
}

func (h *Hub) changePassword(ctx context.Context, in *bodyOf[NewPassword]) (*empty, error) {
	c := callerOf(ctx)
	if err := h.Auth.ChangePassword(ctx, c.Principal, in.Body.Current, in.Body.New, c.ip); err != nil {
		return nil, h.failed(ctx, "body", err)
	}
	return nil, nil
}
