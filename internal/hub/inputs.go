package hub

// The parameters of each route. What huma cannot check by its schema is checked
// by the Resolve methods in query.go, so that a caller learns of all faults at once.

type empty struct{}

type bodyOf[T any] struct {
	Body T
}

type answer[T any] struct {
	Body T
}

// signedIn is an answer that also sets or clears the session cookie.
type signedIn struct {
	SetCookie string `header:"Set-Cookie"`
	Body      Me
}

type signedOut struct {
	SetCookie string `header:"Set-Cookie"`
}

type sessionsInput struct {
	Element   string   `query:"element" doc:"element ID to search by" example:"email"`
	Values    []string `query:"values,explode" maxItems:"100" doc:"values of the element, any of; repeated or comma separated (a comma inside a value is written \\,)"`
	Entity    string   `query:"entity" doc:"opaque entity ID, instead of element and values" example:"e00000000000004d2"`
	From      string   `query:"from" doc:"RFC 3339, or back from now: 90m, 24h, 7d" example:"24h"`
	To        string   `query:"to" doc:"as from; not included"`
	Rating    string   `query:"rating" doc:"comma separated, any of: normal, suspicious, malicious"`
	Label     string   `query:"label" maxLength:"128" doc:"label ID placed in the session"`
	Signature string   `query:"signature" maxLength:"128"`
	Site      string   `query:"site" maxLength:"128"`
	Country   string   `query:"country" doc:"two letters" example:"DE"`
	City      string   `query:"city" maxLength:"128"`
	IP        string   `query:"ip" maxLength:"64" doc:"last address seen"`
	SpecID    string   `query:"spec_id" maxLength:"20"`
	Sort      string   `query:"sort" default:"-start" enum:"start,-start,last,-last,events,-events,labels,-labels,duration,-duration,points,-points,rating,-rating" doc:"a leading minus: largest or newest first"`
	Cursor    string   `query:"cursor" maxLength:"512" doc:"next of the page before"`
	Limit     int      `query:"limit" minimum:"1" maximum:"500" default:"50"`

	parsed sessionsQuery
}

type idInput struct {
	ID string `path:"id" maxLength:"20" doc:"decimal" example:"883612061859840001"`
}

type eventsInput struct {
	ID     string `path:"id" maxLength:"20" doc:"of the session"`
	Type   string `query:"type" doc:"event types, comma separated, any of"`
	Name   string `query:"name" maxLength:"256" doc:"event name"`
	Label  string `query:"label" maxLength:"128" doc:"label ID placed on the event"`
	Rating string `query:"rating" doc:"comma separated, any of: normal, suspicious, malicious"`
	Order  string `query:"order" enum:"newest,oldest" default:"newest"`
	Cursor string `query:"cursor" maxLength:"512"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`

	parsed eventsQuery
}

type entityInput struct {
	ID string `path:"id" pattern:"^e[0-7][0-9a-f]{15}$" patternDescription:"e and 16 hex digits" example:"e00000000000004d2"`
}

type liveInput struct {
	Rating string `query:"rating" doc:"comma separated: only sessions so rated"`
	// LastEventID is what a browser sends on reconnecting. The stream shows what
	// happens now; what was missed is asked of the sessions route.
	LastEventID string `header:"Last-Event-ID" maxLength:"64"`

	parsed liveQuery
}

type recognitionInput struct {
	Days int    `query:"days" minimum:"1" maximum:"90" default:"7" doc:"how far back; the journal keeps about seven days"`
	Site string `query:"site" maxLength:"128" doc:"all sites if empty"`
}

type siteInput struct {
	Name string `path:"name" maxLength:"128"`
	Body SwitchMode
}

type nameInput struct {
	Name string `path:"name" maxLength:"64"`
}

type auditInput struct {
	Cursor string `query:"cursor" maxLength:"20"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}
