// Command openapigen prints the Hub's OpenAPI document, from which the web
// app's types are generated: go run ./internal/hub/openapigen > web/openapi.json
package main

import (
	"fmt"
	"os"

	"github.com/throughline/throughline/internal/hub"
)

func main() {
	if err := hub.WriteOpenAPI(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
