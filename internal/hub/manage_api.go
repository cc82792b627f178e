package hub

// The JSON shapes of signing in and of managing the Hub itself.

// Login is what signing in takes.
type Login struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// FirstUser is what the one-time set-up link takes.
type FirstUser struct {
	Token    string `json:"token" doc:"from the set-up link in the log"`
	Name     string `json:"name"`
	Password string `json:"password"`
}

// NewPassword changes one's own password.
type NewPassword struct {
	Current string `json:"current"`
	New     string `json:"new"`
}

// User is somebody who may sign in.
type User struct {
	Name     string `json:"name"`
	Role     string `json:"role" enum:"admin,analyst,viewer"`
	Created  string `json:"created" format:"date-time"`
	Disabled bool   `json:"disabled"`
}

// NewUser is what creating a User takes.
type NewUser struct {
	Name     string `json:"name"`
	Role     string `json:"role"`
	Password string `json:"password"`
}

// UserList is all Users, by name.
type UserList struct {
	Users []User `json:"users"`
}

// Token is an API token without its secret.
type Token struct {
	Name     string `json:"name"`
	Role     string `json:"role" enum:"admin,analyst,viewer"`
	Prefix   string `json:"prefix" doc:"the secret's first characters, to tell it by"`
	Created  string `json:"created" format:"date-time"`
	LastUsed string `json:"last_used" doc:"empty: never"`
	Expires  string `json:"expires" doc:"empty: never"`
}

// NewToken is what creating a Token takes.
type NewToken struct {
	Name    string `json:"name"`
	Role    string `json:"role"`
	Expires string `json:"expires,omitempty" doc:"RFC 3339, or a time from now such as 90d; none: never" example:"90d"`
}

// CreatedToken shows the secret, this once.
type CreatedToken struct {
	Token
	Secret string `json:"secret" doc:"send as Authorization: Bearer; it is not shown again"`
}

// TokenList is all Tokens, by name.
type TokenList struct {
	Tokens []Token `json:"tokens"`
}

// AuditEntry is one line of the audit log.
type AuditEntry struct {
	ID     string `json:"id"`
	Time   string `json:"time" format:"date-time"`
	Actor  string `json:"actor"`
	Action string `json:"action" example:"session.create"`
	Target string `json:"target"`
	Detail string `json:"detail"`
	IP     string `json:"ip"`
}

// AuditList is a page of the audit log, newest first.
type AuditList struct {
	Entries []AuditEntry `json:"entries"`
	Next    string       `json:"next"`
}

// ElementList is the element catalogue.
type ElementList struct {
	Elements []ElementDef `json:"elements"`
}

// Policy is the policy revision in force, as written.
type Policy struct {
	Revision string            `json:"revision"`
	Since    string            `json:"since" format:"date-time"`
	Files    map[string]string `json:"files" doc:"file path to text"`
}

// SwitchMode puts a mode in force for a site.
type SwitchMode struct {
	Mode string `json:"mode" enum:"configured,pass-through,active,mirror,bypass,maintenance" doc:"configured: the one of the configuration again"`
}

// SiteMode is a site's mode as it now is.
type SiteMode struct {
	Site string `json:"site"`
	Mode string `json:"mode" enum:"pass-through,active,mirror,bypass,maintenance" doc:"in force"`
}

// LiveReady opens the live stream (SSE, event "ready").
type LiveReady struct {
	Time string `json:"time" format:"date-time"`
}

// LiveLag says that messages were left out for a slow reader (SSE, event "lag").
type LiveLag struct {
	Dropped int64 `json:"dropped" doc:"since the stream opened"`
}
