package main

import (
	"encoding/json"
	"io"
	"runtime"

	"github.com/spf13/cobra"
)

type buildInfo struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func versionInfo() buildInfo {
	return buildInfo{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func jsonFlag(c *cobra.Command, p *bool) {
	c.Flags().BoolVar(p, "json", false, "print JSON")
}

func dataFlag(c *cobra.Command, p *string) {
	c.Flags().StringVar(p, "data", "./data", "folder that holds all state")
}
