package auth

import "github.com/throughline/throughline/internal/control"

// Permission is what a route asks for.
type Permission string

// Permissions.
const (
	Public        Permission = "public"         // nobody need sign in
	SignedIn      Permission = "signed-in"      // any user or token
	OwnAccount    Permission = "own-account"    // any user, never a token
	ReadJourneys  Permission = "read-journeys"  // sessions, events, entities, live
	ReadStatus    Permission = "read-status"    //
	ReadPolicy    Permission = "read-policy"    // the rules, as written
	ChangePolicy  Permission = "change-policy"  // what the rules become
	SwitchTraffic Permission = "switch-traffic" // what changes the customer's traffic
	ManageAccess  Permission = "manage-access"  // users and tokens
	ReadAudit     Permission = "read-audit"     //
)

// routes is the one table of what each route asks for. A route that is missing
// here is refused to everybody, and a test fails.
var routes = map[string]Permission{
	"GET /api/openapi.json": Public,

	"GET /api/v1/setup":        Public,
	"POST /api/v1/setup":       Public,
	"POST /api/v1/login":       Public,
	"POST /api/v1/logout":      OwnAccount,
	"GET /api/v1/me":           SignedIn,
	"POST /api/v1/me/password": OwnAccount,

	"GET /api/v1/sessions":             ReadJourneys,
	"GET /api/v1/sessions/{id}":        ReadJourneys,
	"GET /api/v1/sessions/{id}/events": ReadJourneys,
	"GET /api/v1/events/{id}":          ReadJourneys,
	"GET /api/v1/entities/{id}":        ReadJourneys,
	"GET /api/v1/spec-ids/{id}":        ReadJourneys,
	"POST /api/v1/entities/lookup":     ReadJourneys,
	"GET /api/v1/elements":             ReadJourneys,
	"GET /api/v1/live":                 ReadJourneys,
	"GET /api/v1/identity/report":      ReadJourneys,

	"GET /api/v1/status":             ReadStatus,
	"GET /api/v1/policy":             ReadPolicy,
	"POST /api/v1/sites/{name}/mode": SwitchTraffic,

	"GET /api/v1/discovery":         ReadPolicy,
	"POST /api/v1/discovery/accept": ChangePolicy,
	"POST /api/v1/discovery/forget": ChangePolicy,

	"GET /api/v1/users":            ManageAccess,
	"POST /api/v1/users":           ManageAccess,
	"DELETE /api/v1/users/{name}":  ManageAccess,
	"GET /api/v1/tokens":           ManageAccess,
	"POST /api/v1/tokens":          ManageAccess,
	"DELETE /api/v1/tokens/{name}": ManageAccess,
	"GET /api/v1/audit":            ReadAudit,
}

// grants is the one table of what each role may do.
var grants = map[control.Role][]Permission{
	control.Viewer:  {SignedIn, OwnAccount, ReadJourneys, ReadStatus},
	control.Analyst: {SignedIn, OwnAccount, ReadJourneys, ReadStatus, ReadPolicy},
	control.Admin:   {SignedIn, OwnAccount, ReadJourneys, ReadStatus, ReadPolicy, ChangePolicy, SwitchTraffic, ManageAccess, ReadAudit},
}

// Required answers what a route asks for, and whether the table knows it.
func Required(method, path string) (Permission, bool) {
	p, ok := routes[method+" "+path]
	return p, ok
}

// Routes lists the routes of the table.
func Routes() []string {
	all := make([]string, 0, len(routes))
	for r := range routes {
		all = append(all, r)
	}
	return all
}

// May tells whether the principal holds a permission.
func (p Principal) May(want Permission) bool {
	if want == Public {
		return true
	}
	if want == OwnAccount && p.Kind != ByCookie {
		return false
	}
	for _, g := range grants[p.Role] {
		if g == want {
			return true
		}
	}
	return false
}
