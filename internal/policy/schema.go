package policy

import (
	"encoding/json"
	"fmt"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/journey"
)

// schema is one JSON Schema node.
type schema = map[string]any

// property is one field of a document as editors know it.
type property struct {
	name  string
	must  bool
	about string
	is    schema
}

// Schema returns the JSON Schema (draft 2020-12) of one policy document, by which
// editors complete fields and underline slips. Compile is stricter: it also knows
// names, rules and thresholds.
func Schema() []byte {
	kinds := []schema{specSchema(), labelSchema(), signatureSchema(), workflowSchema()}
	kinds = append(kinds, actionSchemas()...)
	kinds = append(kinds,
		document("list", "Named values, for in_list in rules.",
			property{"name", true, "The name in_list asks for.", identifierSchema()},
			property{"values", true, "The values, compared as canonical text.", listOf(scalarSchema())}),
		document("rating", "When points turn into a rating. At most one in a policy.",
			property{"suspicious", false, "Points from which a session is suspicious; default 30.", whole(1, 10000)},
			property{"malicious", false, "Points from which a session is malicious; default 70.", whole(1, 10000)}),
		document("session", "How sessions are told apart. At most one in a policy.",
			property{"timeout", false, "A session ends after this long without a request: 1m to 24h, default 30m.", timeSchema()},
			property{"max_age", false, "A session lasts no longer than this: 1m to 30d, default 24h.", timeSchema()},
			property{"cookies", false, "The origin's own session cookies; left out, they are learned.", oneOrMore(schema{"type": "string", "minLength": 1})},
			property{"device_cookies", false, "The origin's cookies that outlive sessions; left out, they are learned.", oneOrMore(schema{"type": "string", "minLength": 1})},
			property{"headers", false, "Headers that carry a session token, in requests and responses, e.g. x-csrf-token.", oneOrMore(schema{"type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"})},
			property{"tokens", false, "Where other tokens stand in the requests and responses of matched Specs, e.g. json $.access_token or html.hidden.csrf.", oneOrMore(schema{"type": "string", "pattern": tokenPattern()})}))
	kinds = append(kinds, elementSchema())
	out, err := json.MarshalIndent(schema{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "Throughline policy document",
		"oneOf":   kinds,
		"$defs":   schema{"element": schema{"anyOf": []schema{enum(elementIDs(nil)...), {"type": "string", "pattern": customPattern}}}},
	}, "", "  ")
	if err != nil { // only maps, slices, texts and numbers are in it
		panic(fmt.Sprintf("policy: schema: %v", err))
	}
	return append(out, '\n')
}

func specSchema() schema {
	pairs := schema{"type": "object", "additionalProperties": scalarSchema()}
	media := schema{"type": "string", "pattern": "^[^/;*]+/[^/;*]+$"}
	match := object("Which requests; all parts given must hold.",
		property{"host", false, "Exact names, or *.example.com; without port.", oneOrMore(schema{"type": "string", "pattern": "^[^/: ]+$"})},
		property{"method", false, "HTTP methods.", oneOrMore(enum("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))},
		property{"path", false, "A pattern: literals, {name}, * for one segment, ** for the rest.", schema{"type": "string", "pattern": "^/[^?# ]*$", "maxLength": maxPath}},
		property{"content_type", false, "Media types of the request body, without parameters.", oneOrMore(media)},
		property{"accept", false, "A media type that the Accept header names.", media},
		property{"header", false, "Header names with exact values, or * for any.", pairs},
		property{"query", false, "Query parameters with exact values, or * for any.", pairs},
		property{"grpc", false, "A gRPC method, package.Service/Method or package.Service/*; in place of path, method and content_type.",
			schema{"type": "string", "pattern": `^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*/(\*|[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*)$`}},
		property{"graphql", false, "A GraphQL operation; all parts given must hold for it.", graphQLSchema()})
	match["minProperties"] = 1
	outcome := object("One rule; all parts given must hold.",
		property{"is", true, "What the response means.", enum("success", "failure")},
		property{"status", false, "Statuses or ranges such as 200-299.", statusSchema()},
		property{"location", false, "The Location header; * stands for any text.", schema{"type": "string", "minLength": 1}},
		property{"json", false, "JSON paths with the values they must have, * for any.", pairsOf(jsonPathPattern)},
		property{"xml", false, "XML paths with the texts they must have, * for any.", pairsOf(`^//?[^|]+$`)},
		property{"header", false, "Response headers with what they must be; * stands for any text.", pairsOf("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")},
		property{"trailer", false, "Fields behind the response's body with what they must be; * stands for any text.", pairsOf("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")},
		property{"set_cookie", false, "Cookies that must be set, and not deleted.", oneOrMore(schema{"type": "string", "minLength": 1})},
		property{"grpc_status", false, "gRPC statuses, e.g. 16.", oneOrMore(whole(0, 16))},
		property{"body", false, "Text that the response body holds.", schema{"type": []string{"string", "number", "boolean"}, "minLength": 1}})
	return document("spec", "Matches requests and says what becomes of them.",
		property{"name", true, "The event's name, e.g. Login through Form.", schema{"type": "string", "minLength": 1, "maxLength": 120}},
		property{"id", false, "A stable key; left out, it is made of the name.", identifierSchema()},
		property{"type", true, "What kind of event it is.", enum(eventTypes()...)},
		property{"match", true, "Which requests.", match},
		property{"processing", false, "sync waits for a verdict, so that actions can be enforced; default async.", enum("async", "sync")},
		property{"failure", false, "On a sync spec, what happens without a verdict; default: the site's.", enum("open", "closed")},
		property{"oversize", false, "What happens to a body over max_body on a sync spec; default stream.", enum("stream", "refuse")},
		property{"mode", false, "On a sync spec in an active site: pass-through records the verdict and never enforces it; default active.", enum("active", "pass-through")},
		property{"hold_response", false, "On a sync spec: keep the response back until it was judged too, so that an action can take its place; default false.", schema{"type": "boolean"}},
		property{"max_body", false, "How much of each body is read: bytes, KiB or MiB up to 1MiB; default 64KiB.",
			schema{"type": []string{"integer", "string"}, "minimum": 1, "maximum": maxMaxBody, "pattern": "^[0-9]+ *(KiB|MiB)?$"}},
		property{"request", false, "Sources of the request with their elements.",
			sources(false)},
		property{"response", false, "Sources of the response with their elements.",
			sources(true)},
		property{"outcome", false, "What the response means; the first rule that holds. Left out: failure from status 400.", oneOrMore(outcome)})
}

func graphQLSchema() schema {
	name := oneOrMore(schema{"type": "string", "pattern": "^[_A-Za-z][_0-9A-Za-z]*$"})
	s := object("A GraphQL operation.",
		property{"operation", false, "Names of operations.", name},
		property{"type", false, "Types of operations.", oneOrMore(enum("query", "mutation", "subscription"))},
		property{"field", false, "Fields asked for at the top, aliases undone.", name},
		property{"hash", false, "Hashes of persisted queries.", oneOrMore(schema{"type": []string{"string", "integer"}, "pattern": "^[0-9a-fA-F]{64}$"})})
	s["minProperties"] = 1
	return s
}

const jsonPathPattern = `^\$(\.[^.\[]+|\[([0-9]+|\*|"[^"]+")\])+$`

// pairsOf is a mapping whose names fit a pattern.
func pairsOf(pattern string) schema {
	return schema{"type": "object", "minProperties": 1, "patternProperties": schema{pattern: scalarSchema()}, "additionalProperties": false}
}

// statusSchema is a status, a range, or a list of them.
func statusSchema() schema {
	return oneOrMore(schema{"type": []string{"integer", "string"}, "pattern": "^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$"})
}

// sources is a map from the sources of one side to elements.
func sources(response bool) schema {
	one := schema{"$ref": "#/$defs/element"}
	fields := []property{
		{"element", true, "An element of the catalogue, or one of your own.", one},
		{"transform", false, "Done before the value is normalised.", enum("trim", "lower", "upper", "digits")},
		{"minor_units", false, "Of an amount: a whole number of the currency's smallest unit, such as cents.", schema{"type": "boolean"}},
		{"currency", false, "Of an amount: its currency where neither the value nor another element tells it, e.g. EUR.", schema{"type": "string", "pattern": "^[A-Z]{3}$"}},
	}
	if response {
		fields = append(fields, property{"status", false, "Only read under these statuses.", statusSchema()})
	}
	target := schema{"anyOf": []schema{
		one,
		object("An element with what is done to its text first.", fields...),
	}}
	return schema{"type": "object", "patternProperties": schema{sourcePattern(response): oneOrMore(target)}, "additionalProperties": false}
}

const customPattern = "^" + element.CustomPrefix + "[a-z][a-z0-9_]{0,56}$"

func elementSchema() schema {
	line := func(most int) schema {
		return schema{"type": []string{"string", "number", "boolean"}, "minLength": 1, "maxLength": most}
	}
	return document("element", "An element of your own, by the rules of the catalogue.",
		property{"id", true, "The name Specs and rules use; it begins with custom_.", schema{"type": "string", "pattern": customPattern}},
		property{"name", true, "What people read.", line(64)},
		property{"is", true, "An entity links sessions, an attribute describes.", enum("entity", "attribute")},
		property{"value", true, "Its value kind, by which values are checked and brought to one form.", enum(valueKinds()...)},
		property{"sensitivity", true, "Sensitive and secret values are kept only as keyed hashes.", enum(sensitivities()...)},
		property{"example", true, "A made-up value that fits the kind.", line(512)},
		property{"primary", false, "Show it on the timeline.", schema{"type": "boolean"}},
		property{"about", false, "What it is, in one line.", line(300)})
}

func labelSchema() schema {
	severities := make([]string, 0, 6)
	for _, s := range journey.Severities() {
		severities = append(severities, string(s))
	}
	return document("label", "An observation about a session, with points.", append([]property{
		{"id", true, "The name other documents use.", identifierSchema()},
		{"title", true, "What people read.", schema{"type": "string", "minLength": 1, "maxLength": 160}},
		{"severity", true, "How grave it is.", enum(severities...)},
		{"points", false, "Added to the session's points; default 0.", whole(-100, 100)},
		{"on", false, "Event types it is looked for on; left out: all.", oneOrMore(enum(eventTypes()...))},
		{"when", true, "The rule: a condition in CEL.", ruleSchema()},
		{"ttl", false, "How long it counts: 1s to 90d; left out: as long as the session.", timeSchema()},
		{"repeat", false, "Place it again on later events while it holds.", schema{"type": "boolean"}},
	}, rolloutProperties()...)...)
}

func signatureSchema() schema {
	s := document("signature", "A named combination of labels within a session, with a rating.", append([]property{
		{"id", true, "The name other documents use.", identifierSchema()},
		{"title", true, "What people read.", schema{"type": "string", "minLength": 1, "maxLength": 160}},
		{"all", false, "Labels the session must all carry.", oneOrMore(identifierSchema())},
		{"any", false, "Labels of which it must carry at_least.", oneOrMore(identifierSchema())},
		{"at_least", false, "How many of any; default 1.", schema{"type": "integer", "minimum": 1}},
		{"rating", true, "The session is rated at least so.", enum(journey.Suspicious.String(), journey.Malicious.String())},
	}, rolloutProperties()...)...)
	s["anyOf"] = []schema{{"required": []string{"all"}}, {"required": []string{"any"}}}
	s["dependentRequired"] = schema{"at_least": []string{"any"}}
	return s
}

func workflowSchema() schema {
	trigger := object("All parts given must hold; of each, any of its names.",
		property{"rating", false, "The session's rating.", oneOrMore(enum(journey.Normal.String(), journey.Suspicious.String(), journey.Malicious.String()))},
		property{"signature", false, "Signatures the session has.", oneOrMore(identifierSchema())},
		property{"label", false, "Labels the session carries.", oneOrMore(identifierSchema())})
	trigger["minProperties"] = 1
	return document("workflow", "Takes actions on sync events when its trigger holds.", append([]property{
		{"name", true, "What people read.", schema{"type": "string", "minLength": 1, "maxLength": 160}},
		{"trigger", true, "What must be known of the session.", trigger},
		{"on", false, "Event types it acts on; left out: all.", oneOrMore(enum(eventTypes()...))},
		{"when", false, "A further condition in CEL.", ruleSchema()},
		{"do", true, "Names of actions, in order.", oneOrMore(identifierSchema())},
	}, rolloutProperties()...)...)
}

// actionSchemas is one schema per type, since each has fields of its own.
func actionSchemas() []schema {
	action := func(kind journey.ActionType, about string, more ...property) schema {
		return document("action", about, append([]property{
			{"name", true, "The name workflows use.", identifierSchema()},
			{"type", true, "What is done.", schema{"const": string(kind)}},
		}, more...)...)
	}
	line := schema{"type": []string{"string", "number", "boolean"}, "pattern": "^[^\\u0000-\\u0008\\u000A-\\u001F\\u007F]*$"}
	return []schema{
		action(journey.ActionBlock, "Answers instead of the origin.",
			property{"status", false, "200, or 400 to 599; default 403.", schema{"anyOf": []schema{{"const": 200}, whole(400, 599)}}},
			property{"content_type", false, "Default text/plain; charset=utf-8.", line},
			property{"body", false, "What the visitor reads, up to 256 KiB.", scalarSchema()}),
		action(journey.ActionRedirect, "Sends the visitor elsewhere.",
			property{"status", false, "Default 302.", schema{"enum": []any{302, 303, 307, "302", "303", "307"}}},
			property{"location", true, "A path of the site, or an https URL.", schema{"type": "string", "pattern": `^(/|/[!-.0-\[\]-~][!-\[\]-~]*|https://[!-.0-?A-\[\]-~]+(/[!-\[\]-~]*)?)$`}}),
		action(journey.ActionTag, "Adds a header to the request toward the origin, in place of what a visitor sends under that name.",
			property{"header", true, "A header of your own, e.g. X-Risk.", schema{"type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"}},
			property{"value", true, "One line; {rating}, {points}, {labels}, {session_id}, {event_id} and {spec_id} are filled in.", line}),
	}
}

// rolloutProperties are the fields by which a document is tried out.
func rolloutProperties() []property {
	share := whole(0, 100)
	return []property{
		{"mode", false, "live (default), shadow (recorded, never counts) or {percent: 20}.", schema{"anyOf": []schema{
			enum("live", "shadow"),
			object("Live for a stable share of users.", property{"percent", true, "The share.", share}),
		}}},
		{"percent", false, "The same as mode: {percent: N}.", share},
	}
}

func document(kind, about string, fields ...property) schema {
	return object(about, append([]property{{"kind", true, "What the document is.", schema{"const": kind}}}, fields...)...)
}

func object(about string, fields ...property) schema {
	required, properties := []string{}, schema{}
	for _, f := range fields {
		if f.must {
			required = append(required, f.name)
		}
		described := schema{"description": f.about}
		for k, v := range f.is {
			if k != "description" {
				described[k] = v
			}
		}
		properties[f.name] = described
	}
	return schema{"type": "object", "description": about, "properties": properties, "required": required, "additionalProperties": false}
}

func enum(words ...string) schema { return schema{"enum": words} }

func whole(low, high int) schema { return schema{"type": "integer", "minimum": low, "maximum": high} }

func listOf(is schema) schema { return schema{"anyOf": []schema{is, {"type": "array", "items": is}}} }

func oneOrMore(is schema) schema {
	return schema{"anyOf": []schema{is, {"type": "array", "items": is, "minItems": 1}}}
}

func identifierSchema() schema {
	return schema{"type": []string{"string", "integer"}, "pattern": "^[a-z0-9_-]{1,64}$"}
}

func scalarSchema() schema { return schema{"type": []string{"string", "number", "boolean"}} }

func ruleSchema() schema {
	return schema{"type": []string{"string", "boolean"}, "minLength": 1, "maxLength": 4096}
}

func timeSchema() schema {
	return schema{"type": "string", "pattern": "^([0-9]+d|([0-9]+(\\.[0-9]+)?(h|m|s|ms|us|ns))+)$"}
}
