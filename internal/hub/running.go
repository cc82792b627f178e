package hub

import (
	"context"
	"errors"

	"github.com/danielgtaylor/huma/v2"
)

func (h *Hub) getStatus(ctx context.Context, _ *empty) (*answer[Status], error) {
	s := h.Status(ctx)
	s.Version = h.Version
	s.Sites, s.Problems, s.Data, s.Policy.Faults = list(s.Sites), list(s.Problems), list(s.Data), list(s.Policy.Faults)
	for i := range s.Sites {
		s.Sites[i].Hosts = list(s.Sites[i].Hosts)
	}
	if s.Shed == nil {
		s.Shed = map[string]int64{}
	}
	if s.Engine.Actions == nil {
		s.Engine.Actions = map[string]int64{}
	}
	return &answer[Status]{s}, nil
}

func (h *Hub) getPolicy(context.Context, *empty) (*answer[Policy], error) {
	p := h.Policy()
	if p.Files == nil {
		p.Files = map[string]string{}
	}
	return &answer[Policy]{p}, nil
}

// switchBypass switches first and keeps it for the next start second: the
// switch is for emergencies and must work when the disk doesn't.
func (h *Hub) switchBypass(ctx context.Context, in *siteInput) (*answer[Bypass], error) {
	if err := h.Commands.SetBypass(ctx, in.Name, in.Body.On); err != nil {
		return nil, h.failed(ctx, "path", err)
	}
	word := map[bool]string{true: "on", false: "off"}[in.Body.On]
	err := errors.Join(
		h.Settings.SetSetting(ctx, BypassSetting+in.Name, word),
		h.Auth.Record(ctx, callerOf(ctx).by(), "site.bypass", in.Name, word))
	if err != nil {
		h.Logger.Error("bypass switched but not recorded", "site", in.Name, "bypass", word, "error", err)
		return nil, huma.Error500InternalServerError("the bypass is " + word + ", but that could not be recorded and may not outlive a restart")
	}
	return &answer[Bypass]{Bypass{Site: in.Name, On: in.Body.On}}, nil
}
