package hub

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/throughline/throughline/internal/auth"
)

// register declares every route of the API. Who may use which is said in
// auth.Required alone, never here.
func (h *Hub) register(api huma.API) {
	session := func(method, path, id, summary string) huma.Operation {
		return operation(method, path, id, summary, "Signing in")
	}
	huma.Register(api, session(http.MethodGet, "/api/v1/setup", "get-setup", "Does the Hub need its first user?"), h.getSetup)
	huma.Register(api, session(http.MethodPost, "/api/v1/setup", "create-first-user", "Create the first user with the one-time link"), h.createFirstUser)
	huma.Register(api, session(http.MethodPost, "/api/v1/login", "login", "Sign in"), h.login)
	huma.Register(api, session(http.MethodPost, "/api/v1/logout", "logout", "Sign out"), h.logout)
	huma.Register(api, session(http.MethodGet, "/api/v1/me", "get-me", "Who am I?"), h.me)
	huma.Register(api, session(http.MethodPost, "/api/v1/me/password", "change-password", "Change one's own password; every other session of the user ends"), h.changePassword)

	journeys := func(path, id, summary string) huma.Operation {
		return operation(http.MethodGet, path, id, summary, "Journeys")
	}
	huma.Register(api, journeys("/api/v1/sessions", "list-sessions", "Search sessions"), h.listSessions)
	huma.Register(api, journeys("/api/v1/sessions/{id}", "get-session", "One session with its chart, turns and entities"), h.getSession)
	huma.Register(api, journeys("/api/v1/sessions/{id}/events", "list-events", "The events of a session"), h.listEvents)
	huma.Register(api, journeys("/api/v1/events/{id}", "get-event", "One event, whole"), h.getEvent)
	huma.Register(api, journeys("/api/v1/entities/{id}", "get-entity", "One entity and what it is linked with"), h.getEntity)
	huma.Register(api, journeys("/api/v1/spec-ids/{id}", "get-spec-id", "One user as recognised: sessions, devices, history, related actors"), h.getSpecID)
	lookup := operation(http.MethodPost, "/api/v1/entities/lookup", "lookup-entity", "Find an entity by value", "Journeys")
	lookup.Description = "A read, sent as POST so that the value stands in no URL."
	huma.Register(api, lookup, h.lookupEntity)
	huma.Register(api, journeys("/api/v1/elements", "list-elements", "The element catalogue"), h.listElements)
	huma.Register(api, liveOperation(api), h.live)

	report := journeys("/api/v1/identity/report", "get-identity-report", "How well visitors are recognised, measured on this traffic")
	report.Description = "Log-ins are the truth: the journal's observations are stitched anew with every account hidden, and the Spec IDs held against the accounts. " +
		"It is found out in the background; ask again until `state` is ready or failed. An answer holds for a while, the longer the more there was to read."
	huma.Register(api, report, h.getIdentityReport)

	running := func(method, path, id, summary string) huma.Operation {
		return operation(method, path, id, summary, "Running")
	}
	huma.Register(api, running(http.MethodGet, "/api/v1/status", "get-status", "What runs, how fast, what was shed"), h.getStatus)
	huma.Register(api, running(http.MethodGet, "/api/v1/policy", "get-policy", "The policy revision in force"), h.getPolicy)
	huma.Register(api, running(http.MethodPost, "/api/v1/sites/{name}/mode", "switch-mode", "Switch a site's mode"), h.switchMode)

	huma.Register(api, running(http.MethodGet, "/api/v1/discovery", "get-discovery", "Specs proposed for requests that no Spec names"), h.getDiscovery)
	accept := running(http.MethodPost, "/api/v1/discovery/accept", "accept-proposals", "The policy file of some proposals, checked with the policy in force")
	accept.Description = "Nothing is changed: the file is put into the policy folder by who keeps that. The audit log says who asked for it."
	huma.Register(api, accept, h.acceptProposals)
	huma.Register(api, running(http.MethodPost, "/api/v1/discovery/forget", "forget-discovery", "Forget everything that was learnt"), h.forgetDiscovery)

	access := func(method, path, id, summary string) huma.Operation {
		return operation(method, path, id, summary, "Access")
	}
	created := func(op huma.Operation) huma.Operation {
		op.DefaultStatus = http.StatusCreated
		return op
	}
	huma.Register(api, access(http.MethodGet, "/api/v1/users", "list-users", "All users"), h.listUsers)
	huma.Register(api, created(access(http.MethodPost, "/api/v1/users", "create-user", "Create a user")), h.createUser)
	huma.Register(api, access(http.MethodDelete, "/api/v1/users/{name}", "delete-user", "Delete a user"), h.deleteUser)
	huma.Register(api, access(http.MethodGet, "/api/v1/tokens", "list-tokens", "All API tokens"), h.listTokens)
	huma.Register(api, created(access(http.MethodPost, "/api/v1/tokens", "create-token", "Create an API token")), h.createToken)
	huma.Register(api, access(http.MethodDelete, "/api/v1/tokens/{name}", "delete-token", "Revoke an API token"), h.deleteToken)
	huma.Register(api, access(http.MethodGet, "/api/v1/audit", "list-audit", "The audit log, newest first"), h.listAudit)
}

func operation(method, path, id, summary, tag string) huma.Operation {
	op := huma.Operation{
		Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{tag},
		// No route takes more than a few strings.
		MaxBodyBytes: 64 << 10,
	}
	if want, _ := auth.Required(method, path); want == auth.Public {
		op.Security = []map[string][]string{{}} // nothing will do
	}
	return op
}

func liveOperation(api huma.API) huma.Operation {
	op := operation(http.MethodGet, "/api/v1/live", "live", "Events as they become visible (server-sent events)", "Journeys")
	op.Description = "Event `ready` opens the stream, `event` carries a LiveMessage, `lag` a LiveLag when messages were left out for a slow reader. A comment is sent every 15 seconds."
	of := func(t reflect.Type, name string) *huma.Schema {
		return api.OpenAPI().Components.Schemas.Schema(t, true, name)
	}
	op.Responses = map[string]*huma.Response{"200": {
		Description: "The stream",
		Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{
			Description: "the data of one message, by its event name",
			OneOf: []*huma.Schema{
				of(reflect.TypeFor[LiveMessage](), "LiveMessage"),
				of(reflect.TypeFor[LiveReady](), "LiveReady"),
				of(reflect.TypeFor[LiveLag](), "LiveLag"),
			},
		}}},
	}}
	return op
}
