package hub

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/throughline/throughline/internal/journey"
)

// apiConfig is huma's configuration without what would reach outside or add
// fields to the contract: no docs page from a CDN, no $schema links.
func apiConfig(version string) huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "Throughline Hub",
				Version:     version,
				Description: "IDs are decimal strings; entity IDs are opaque; times are RFC 3339 in UTC. Sign in for a session cookie and send its CSRF token as X-CSRF-Token with every change, or send an API token as Authorization: Bearer.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"session": {Type: "apiKey", In: "cookie", Name: "__Host-tl", Description: "tl_session where the Hub is served without TLS"},
					"token":   {Type: "http", Scheme: "bearer"},
				},
			},
			Security: []map[string][]string{{"session": {}}, {"token": {}}},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{withoutBodyValues},
	}
}

// withoutBodyValues keeps an error from echoing what a body held: it may be a
// password, and errors are logged and shown.
func withoutBodyValues(_ huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	for _, d := range model.Errors {
		if d.Location == "body" || len(d.Location) > 5 && d.Location[:5] == "body." {
			d.Value = nil
		}
	}
	return v, nil
}

// describe renders the OpenAPI document of a registered API. Lists are never
// null in our answers, whatever huma assumes of a Go slice.
func describe(api huma.API) ([]byte, error) {
	schemas := api.OpenAPI().Components.Schemas.Map()
	for _, s := range schemas {
		forbidNull(s)
	}
	// Words of the journey package that travel as they are.
	for _, r := range []journey.Rating{journey.Normal, journey.Suspicious, journey.Malicious} {
		p := schemas["Signature"].Properties["rating"]
		p.Enum = append(p.Enum, r.String())
	}
	for _, t := range []journey.ActionType{journey.ActionBlock, journey.ActionRedirect, journey.ActionTag} {
		p := schemas["Action"].Properties["type"]
		p.Enum = append(p.Enum, string(t))
	}
	b, err := json.MarshalIndent(api.OpenAPI(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("hub: render openapi: %w", err)
	}
	return append(b, '\n'), nil
}

func forbidNull(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
	}
	for _, p := range s.Properties {
		forbidNull(p)
	}
	forbidNull(s.Items)
}

// WriteOpenAPI writes the API's OpenAPI 3.1 document without running a Hub.
func WriteOpenAPI(w io.Writer) error {
	var h Hub
	api := humago.New(http.NewServeMux(), apiConfig("1"))
	h.register(api)
	b, err := describe(api)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}
