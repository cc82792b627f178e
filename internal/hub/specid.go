package hub

import (
	"github.com/throughline/throughline/internal/insight"
	"github.com/throughline/throughline/internal/journey"
)

// SpecID is the Spec ID page: one user as recognised.
type SpecID struct {
	ID            string           `json:"id" doc:"as asked"`
	KnownAs       string           `json:"known_as" doc:"the Spec ID that it is known as by now; empty when that is itself"`
	IDs           []string         `json:"ids" doc:"all Spec IDs known as one, oldest first"`
	MoreIDs       bool             `json:"more_ids" doc:"there are more than listed, and not all is counted"`
	FirstSeen     string           `json:"first_seen" format:"date-time" doc:"empty without sessions"`
	LastSeen      string           `json:"last_seen" format:"date-time"`
	Sessions      int64            `json:"sessions" doc:"stored under any of the IDs"`
	Merged        int64            `json:"merged_sessions" doc:"of these, turned out to be part of another"`
	Events        int64            `json:"events"`
	Ratings       map[string]int64 `json:"ratings" doc:"sessions by rating"`
	Recognised    map[string]int64 `json:"recognised" doc:"sessions by how their first request was recognised"`
	Chart         []Mark           `json:"chart" doc:"sessions by time, browser and rating, oldest first"`
	Accounts      []SpecValue      `json:"accounts" doc:"confirmed accounts, most sessions first, at most 100"`
	Addresses     []SpecValue      `json:"addresses" doc:"last addresses of sessions, most sessions first, at most 100"`
	Browsers      []SpecValue      `json:"browsers" doc:"most sessions first, at most 100"`
	Entities      []LinkedEntity   `json:"entities" doc:"seen in most of its sessions first, at most 200; shared_sessions are sessions of this user, sessions those of everybody"`
	EntitiesTotal int64            `json:"entities_total"`
	History       []SpecChange     `json:"history" doc:"merges and splits, newest first, at most 200"`
	HistoryTotal  int              `json:"history_total"`
	Actors        []Actor          `json:"actors" doc:"others who share entities with it, worst first, at most 50: related, not the same"`
	ActorsTotal   int              `json:"actors_total"`
	Recent        []Session        `json:"recent" doc:"its newest sessions, at most 50"`
}

// Mark counts the sessions that one browser began in a bucket of time.
type Mark struct {
	Start    string `json:"start" format:"date-time"`
	Browser  string `json:"browser"`
	Rating   string `json:"rating" enum:"normal,suspicious,malicious"`
	Sessions int64  `json:"sessions"`
}

// SpecValue is what stands in sessions of one user.
type SpecValue struct {
	Value     string `json:"value"`
	Country   string `json:"country" doc:"of an address"`
	City      string `json:"city"`
	Sessions  int64  `json:"sessions"`
	FirstSeen string `json:"first_seen" format:"date-time"`
	LastSeen  string `json:"last_seen" format:"date-time"`
}

// SpecChange says that who was known under one Spec ID is known under another.
type SpecChange struct {
	Time    string `json:"time" format:"date-time"`
	Kind    string `json:"kind" enum:"merge,split"`
	From    string `json:"from"`
	Into    string `json:"into" doc:"the same as from: it stands alone again"`
	KnownAs string `json:"into_known_as" doc:"of into, by now; empty when that is itself"`
	Reason  string `json:"reason"`
}

// Actor is somebody who shares entities with a user.
type Actor struct {
	SpecID   string         `json:"spec_id"`
	Shared   []SharedEntity `json:"shared"`
	Sessions int64          `json:"sessions"`
	LastSeen string         `json:"last_seen" format:"date-time"`
	Rating   string         `json:"rating" enum:"normal,suspicious,malicious" doc:"of its worst session"`
	Worst    string         `json:"worst_session" doc:"the newest session so rated; empty when none is stored"`
}

// SharedEntity is what two actors were both seen with.
type SharedEntity struct {
	EntityID string `json:"entity_id" doc:"empty when it has no page"`
	Element  string `json:"element"`
	Name     string `json:"name"`
	Value    string `json:"value"`
	Hashed   bool   `json:"hashed"`
	EventID  string `json:"event_id" doc:"the event that showed it"`
	Time     string `json:"time" format:"date-time"`
}

func (h *Hub) specOf(story insight.SpecStory) SpecID {
	out := SpecID{
		ID: story.Asked.String(), IDs: each(story.IDs, journey.ID.String), MoreIDs: story.Cut,
		FirstSeen: stamp(story.First), LastSeen: stamp(story.Last),
		Sessions: story.VisitorFacts.Sessions, Merged: story.Merged, Events: story.Events,
		Ratings: map[string]int64{}, Recognised: map[string]int64{},
		Chart: each(story.Marks, func(m insight.VisitorMark) Mark {
			return Mark{Start: stamp(m.Start), Browser: m.Agent, Rating: m.Rating.String(), Sessions: m.Sessions}
		}),
		Accounts: each(story.Accounts, valueOf), Addresses: each(story.Addresses, valueOf), Browsers: each(story.Agents, valueOf),
		Entities: each(story.Entities, h.linkedOf), EntitiesTotal: story.EntitiesTotal,
		History:      each(story.History, func(c journey.SpecChange) SpecChange { return changeOf(c, story.KnownAs) }),
		HistoryTotal: story.HistoryTotal,
		Actors:       each(story.Actors, h.actorOf), ActorsTotal: story.ActorsTotal,
		Recent: h.sessionsOf(story.Recent, story.KnownAs),
	}
	if story.Now != story.Asked {
		out.KnownAs = story.Now.String()
	}
	for r, n := range story.Ratings {
		out.Ratings[journey.Rating(r).String()] = n
	}
	for kind, n := range story.VisitorFacts.Recognised {
		out.Recognised[recognised(kind)] = n
	}
	return out
}

func valueOf(v insight.VisitorValue) SpecValue {
	return SpecValue{Value: v.Value, Country: v.Country, City: v.City, Sessions: v.Sessions, FirstSeen: stamp(v.First), LastSeen: stamp(v.Last)}
}

func changeOf(c journey.SpecChange, known insight.KnownAs) SpecChange {
	return SpecChange{Time: stamp(c.Time), Kind: c.Kind, From: idText(c.From), Into: idText(c.Into), KnownAs: idText(known[c.Into]), Reason: c.Reason}
}

func candidateOf(c journey.Candidate, known insight.KnownAs) Candidate {
	return Candidate{SpecID: idText(c.SpecID), KnownAs: idText(known[c.SpecID]), Confidence: c.Confidence, Reasons: list(c.Reasons)}
}

func (h *Hub) actorOf(a insight.Actor) Actor {
	return Actor{SpecID: a.SpecID.String(), Shared: each(a.Shared, h.sharedOf), Sessions: a.Sessions,
		LastSeen: stamp(a.Last), Rating: a.Rating.String(), Worst: idText(a.Worst)}
}

func (h *Hub) sharedOf(x insight.SharedEntity) SharedEntity {
	def := h.catalogue().of(x.Element)
	out := SharedEntity{Element: x.Element, Name: def.Name, Value: x.Value, Hashed: def.Hashed(), EventID: idText(x.EventID), Time: stamp(x.Time)}
	if x.Value != "" {
		out.EntityID = insight.EntityID(x.Hash)
	}
	if x.Element == deviceAddress {
		out.Name = "Device class at one address"
	}
	return out
}

// deviceAddress stands in ActorLink.Element for what is no element: a class of
// devices at one address.
const deviceAddress = "device_address"

// recognised names how a visitor was known; one whom no key made known was new.
func recognised(kind string) string {
	if kind == "" {
		return "new"
	}
	return kind
}
