package hub

import (
	"context"
	"errors"

	"github.com/danielgtaylor/huma/v2"

	"github.com/throughline/throughline/internal/recognition"
	"github.com/throughline/throughline/internal/site"
)

func (h *Hub) getStatus(ctx context.Context, _ *empty) (*answer[Status], error) {
	s := h.Status(ctx)
	s.Version = h.Version
	s.Sites, s.Problems, s.Data, s.Policy.Faults = list(s.Sites), list(s.Problems), list(s.Data), list(s.Policy.Faults)
	for i := range s.Sites {
		s.Sites[i].Hosts = list(s.Sites[i].Hosts)
		s.Sites[i].Endpoints = list(s.Sites[i].Endpoints)
	}
	for _, m := range []*map[string]int64{&s.Shed, &s.Engine.Actions, &s.Edge.Refused, &s.Edge.OriginErrors} {
		if *m == nil {
			*m = map[string]int64{}
		}
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

func (h *Hub) getIdentityReport(ctx context.Context, in *recognitionInput) (*answer[recognition.Answer], error) {
	a, err := h.Recognition.Ask(recognition.Question{Site: in.Site, Days: in.Days})
	if err != nil {
		return nil, h.failed(ctx, "query", err)
	}
	return &answer[recognition.Answer]{a}, nil
}

// switchMode switches first and keeps it for the next start second: the switch is
// for emergencies and must work when the disk doesn't.
func (h *Hub) switchMode(ctx context.Context, in *siteInput) (*answer[SiteMode], error) {
	mode := site.Mode(in.Body.Mode)
	if mode == Configured {
		mode = ""
	}
	now, err := h.Commands.SetMode(ctx, in.Name, mode)
	if err != nil {
		return nil, h.failed(ctx, "path", err)
	}
	err = errors.Join(
		h.Settings.SetSetting(ctx, ModeSetting+in.Name, in.Body.Mode),
		h.Auth.Record(ctx, callerOf(ctx).by(), "site.mode", in.Name, in.Body.Mode))
	if err != nil {
		h.Logger.Error("mode switched but not recorded", "site", in.Name, "mode", in.Body.Mode, "error", err)
		return nil, huma.Error500InternalServerError("the mode " + string(now) + " is in force, but that could not be recorded and may not outlive a restart")
	}
	return &answer[SiteMode]{SiteMode{Site: in.Name, Mode: string(now)}}, nil
}
