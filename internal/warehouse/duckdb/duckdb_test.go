package duckdb

import (
	"testing"
	"time"

	"github.com/throughline/throughline/internal/warehouse/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, file string, clock func() time.Time) storetest.Backend {
		d, err := Open(file, Options{Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
}
