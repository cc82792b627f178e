// Package hub serves the Hub: its HTTP API (OpenAPI 3.1 at /api/openapi.json),
// the live stream and the embedded web app. It reads through insight, checks
// every route against one permission table, and never touches the request path.
package hub
