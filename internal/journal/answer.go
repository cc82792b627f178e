package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// answer is what the store said to a message.
type answer struct {
	seq uint64
	err error
}

// answers are what came and was not yet asked for: the store refuses some messages
// sooner than it accepts those before them. They are one goroutine's.
type answers map[uint64]answer

// of returns the answer to a message, once.
func (a answers) of(seq uint64) (answer, bool) {
	got, ok := a[seq]
	delete(a, seq)
	return got, ok
}

// take keeps a message as the answer to the one that its subject names after
// prefix bytes.
func (a answers) take(m *nats.Msg, prefix int, accepted string) {
	seq, err := strconv.ParseUint(m.Subject[prefix:], 36, 64)
	if err != nil {
		return // nobody was asked by this name
	}
	a[seq] = read(m, accepted)
}

// answerHead is how the store begins when it accepts.
func answerHead(partition int) string { return `{"stream":"` + streamName(partition) + `","seq":` }

// read understands the store. What it says when all is well is read in place.
func read(m *nats.Msg, accepted string) answer {
	if rest, ok := bytes.CutPrefix(m.Data, []byte(accepted)); ok {
		if digits, ok := bytes.CutSuffix(rest, []byte("}")); ok {
			if n, err := strconv.ParseUint(string(digits), 10, 64); err == nil && n > 0 {
				return answer{seq: n}
			}
		}
	}
	if status := m.Header.Get("Status"); status != "" && len(m.Data) == 0 {
		if status == "503" {
			return answer{err: jetstream.ErrNoStreamResponse}
		}
		return answer{err: fmt.Errorf("the store says %s", status)}
	}
	var said struct {
		Error    *jetstream.APIError `json:"error"`
		Stream   string              `json:"stream"`
		Sequence uint64              `json:"seq"`
	}
	if err := json.Unmarshal(m.Data, &said); err != nil {
		return answer{err: fmt.Errorf("the store's answer: %w", err)}
	}
	switch {
	case said.Error != nil:
		return answer{err: said.Error}
	case said.Stream == "" || said.Sequence == 0:
		return answer{err: errors.New("the store's answer names no sequence")}
	}
	return answer{seq: said.Sequence}
}
