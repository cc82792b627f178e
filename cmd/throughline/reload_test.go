package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A change that comes while the process still starts is one all the same.
func TestAChangeDuringTheStartIsNoticed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "throughline.yaml")
	text := "listen: 127.0.0.1:0\ndata: data\nsites: [{name: shop, hosts: [\"*\"], origin: \"http://127.0.0.1:1\"}]\n"
	write(t, file, text)
	set, err := resolve(file, "", "", false)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, text+"drain: 5s\n") // by now sockets and stores are being opened
	read := make(chan struct{}, 10)
	set.again = func() (settings, error) {
		read <- struct{}{}
		return settings{}, errors.New("enough for this test")
	}
	ctx, stop := context.WithCancel(t.Context())
	a := &app{set: set, log: slog.New(slog.DiscardHandler)}
	a.reloadOn(ctx, make(chan os.Signal))
	select {
	case <-read:
	case <-time.After(20 * time.Second):
		t.Error("the file was not read again")
	}
	stop()
	a.background.Wait()
}
