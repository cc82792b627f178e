package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The unix socket in the data folder is how commands reach the process that has
// the folder. Only its owner may open it.
const socketName = "throughline.sock"

func (a *app) startSocket() error {
	path := a.path(socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("command socket: %w", err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("command socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("command socket: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /backup", func(w http.ResponseWriter, r *http.Request) {
		var req struct{ To string }
		if err := json.NewDecoder(io.LimitReader(r.Body, 64<<10)).Decode(&req); err != nil || !filepath.IsAbs(req.To) {
			http.Error(w, "want {\"To\": absolute path}", http.StatusBadRequest)
			return
		}
		if err := a.backup(r.Context(), req.To); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /restart", func(w http.ResponseWriter, r *http.Request) {
		done := make(chan error, 1)
		select {
		case a.restarts <- done:
		case <-r.Context().Done():
			return
		case <-time.After(5 * time.Second):
			http.Error(w, "another restart is under way, or the process is stopping", http.StatusConflict)
			return
		}
		if err := <-done; err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /discovery", func(w http.ResponseWriter, r *http.Request) {
		var req struct{ Clear bool }
		if err := json.NewDecoder(io.LimitReader(r.Body, 4096)).Decode(&req); err != nil {
			http.Error(w, "want {\"Clear\": true or false}", http.StatusBadRequest)
			return
		}
		if req.Clear {
			a.learner.Clear()
		}
		if err := a.learner.Save(a.path(discoveryFile)); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(a.learner.Stats()) // who asked may have left
	})
	mux.HandleFunc("POST /identity/report", a.reportIdentity)
	for _, t := range []turn{rotate, retire} {
		mux.HandleFunc("POST /key/"+string(t), func(w http.ResponseWriter, r *http.Request) {
			report, err := a.turnKey(r.Context(), t)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			_ = json.NewEncoder(w).Encode(report) // who asked may have left
		})
	}
	// The file is the successor's once it has the folder.
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	a.commands = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := a.commands.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			a.log.Error("server ended", "server", "commands", "error", err.Error())
		}
	}()
	return nil
}

// command asks the process that has the data folder to do something.
func command(ctx context.Context, data, path string, body any) error {
	_, err := ask(ctx, data, path, body)
	return err
}

// ask also returns what it answers.
func ask(ctx context.Context, data, path string, body any) ([]byte, error) {
	socket := filepath.Join(data, socketName)
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://throughline"+path, strings.NewReader(string(text)))
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the running process: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= 300 {
		msg, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return nil, errors.New(strings.TrimSpace(string(msg)))
	}
	return io.ReadAll(io.LimitReader(resp.Body, 1<<20))
}
