package hub

import (
	"context"

	"github.com/throughline/throughline/internal/insight"
	"github.com/throughline/throughline/internal/journey"
)

func (h *Hub) listSessions(ctx context.Context, in *sessionsInput) (*answer[SessionList], error) {
	page, err := h.Insight.Sessions(ctx, in.parsed.question)
	if err != nil {
		return nil, h.failed(ctx, "query", err)
	}
	return &answer[SessionList]{SessionList{Sessions: h.sessionsOf(page.Sessions, page.KnownAs), Total: page.Total, Next: page.Next}}, nil
}

func (h *Hub) getSession(ctx context.Context, in *idInput) (*answer[SessionDetail], error) {
	id, err := journey.ParseID(in.ID)
	if err != nil {
		return nil, h.failed(ctx, "path", err)
	}
	story, err := h.Insight.Session(ctx, id)
	if err != nil {
		return nil, h.failed(ctx, "path", err)
	}
	return &answer[SessionDetail]{h.detailOf(story)}, nil
}

func (h *Hub) listEvents(ctx context.Context, in *eventsInput) (*answer[EventList], error) {
	page, err := h.Insight.Events(ctx, in.parsed.question)
	if err != nil {
		return nil, h.failed(ctx, "query", err)
	}
	events := each(page.Events, func(e journey.Event) Event { return h.knownEvent(e, page.KnownAs) })
	return &answer[EventList]{EventList{Events: events, Total: page.Total, Next: page.Next}}, nil
}

func (h *Hub) getEvent(ctx context.Context, in *idInput) (*answer[Event], error) {
	id, err := journey.ParseID(in.ID)
	if err != nil {
		return nil, h.failed(ctx, "path", err)
	}
	e, known, err := h.Insight.Event(ctx, id)
	if err != nil {
		return nil, h.failed(ctx, "path", err)
	}
	return &answer[Event]{h.knownEvent(e, known)}, nil
}

func (h *Hub) getSpecID(ctx context.Context, in *idInput) (*answer[SpecID], error) {
	id, err := journey.ParseID(in.ID)
	if err != nil {
		return nil, h.failed(ctx, "path", err)
	}
	story, err := h.Insight.Spec(ctx, id)
	if err != nil {
		return nil, h.failed(ctx, "path", err)
	}
	return &answer[SpecID]{h.specOf(story)}, nil
}

func (h *Hub) getEntity(ctx context.Context, in *entityInput) (*answer[Entity], error) {
	hash, err := insight.ParseEntityID(in.ID)
	if err != nil {
		return nil, h.failed(ctx, "path", insight.Faults{{Field: "id", Message: err.Error()}})
	}
	story, err := h.Insight.Entity(ctx, hash)
	if err != nil {
		return nil, h.failed(ctx, "path", err)
	}
	return &answer[Entity]{h.entityOf(story)}, nil
}

func (h *Hub) lookupEntity(ctx context.Context, in *bodyOf[Lookup]) (*answer[Lookedup], error) {
	f, err := h.Insight.Lookup(ctx, in.Body.Element, in.Body.Value)
	if err != nil {
		return nil, h.failed(ctx, "body", err)
	}
	return &answer[Lookedup]{Lookedup{ID: insight.EntityID(f.Hash), Element: f.Element, Value: f.Value, Known: f.Known}}, nil
}

func (h *Hub) listElements(context.Context, *empty) (*answer[ElementList], error) {
	return &answer[ElementList]{ElementList{Elements: h.catalogue().list}}, nil
}
