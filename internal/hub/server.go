package hub

import (
	"log/slog"
	"net/http"
	"time"
)

// NewServer is an http.Server for a Hub with every timeout set. Live streams
// extend their own deadlines, and end when the server begins to shut down.
func NewServer(h *Hub) *http.Server {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      60 * time.Second, // the longest question included
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(h.Logger.Handler(), slog.LevelDebug),
	}
	s.RegisterOnShutdown(h.CloseStreams)
	return s
}
