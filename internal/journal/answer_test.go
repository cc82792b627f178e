package journal

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestAnswersAreUnderstood(t *testing.T) {
	status := nats.Header{"Status": {"503"}}
	for name, c := range map[string]struct {
		m    *nats.Msg
		seq  uint64
		want string // in the error
	}{
		"accepted":              {&nats.Msg{Data: []byte(`{"stream":"TL_P3","seq":18446744073709551615}`)}, 1<<64 - 1, ""},
		"accepted, with more":   {&nats.Msg{Data: []byte(`{"stream":"TL_P3","seq":7,"domain":"d"}`)}, 7, ""},
		"another's stream":      {&nats.Msg{Data: []byte(`{"stream":"OTHER","seq":7}`)}, 7, ""},
		"no sequence":           {&nats.Msg{Data: []byte(`{"stream":"TL_P3","seq":0}`)}, 0, "names no sequence"},
		"an empty object":       {&nats.Msg{Data: []byte(`{}`)}, 0, "names no sequence"},
		"a sequence too large":  {&nats.Msg{Data: []byte(`{"stream":"TL_P3","seq":18446744073709551616}`)}, 0, "store's answer"},
		"refused":               {&nats.Msg{Data: []byte(`{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 9"},"stream":"TL_P3","seq":0}`)}, 0, "wrong last sequence"},
		"nobody there":          {&nats.Msg{Header: status}, 0, jetstream.ErrNoStreamResponse.Error()},
		"another status":        {&nats.Msg{Header: nats.Header{"Status": {"408"}}}, 0, "408"},
		"nothing":               {&nats.Msg{}, 0, "store's answer"},
		"something else":        {&nats.Msg{Data: []byte(`+OK`)}, 0, "store's answer"},
		"accepted, then rubble": {&nats.Msg{Data: []byte(`{"stream":"TL_P3","seq":7}}`)}, 0, "store's answer"},
	} {
		got := read(c.m, answerHead(3))
		if got.seq != c.seq || (got.err == nil) != (c.want == "") || got.err != nil && !strings.Contains(got.err.Error(), c.want) {
			t.Errorf("%s: %d, %v", name, got.seq, got.err)
		}
	}
	if err := appendError(read(&nats.Msg{Data: []byte(`{"error":{"code":400,"err_code":10071,"description":"x"}}`)}, answerHead(3)).err); !errors.Is(err, ErrDeposed) {
		t.Errorf("a wrong last sequence is %v", err)
	}
}

func TestAnswersWaitUntilTheyAreAskedFor(t *testing.T) {
	a := answers{}
	say := func(subject, data string) {
		a.take(&nats.Msg{Subject: subject, Data: []byte(data)}, len("in."), answerHead(0))
	}
	say("in.2", `{"error":{"code":503,"err_code":10077,"description":"no"}}`) // overtakes
	say("in.z", `{"stream":"TL_P0","seq":35}`)
	say("in.!", `{"stream":"TL_P0","seq":99}`)
	if _, ok := a.of(1); ok {
		t.Error("1 has an answer")
	}
	if got, ok := a.of(2); !ok || got.err == nil {
		t.Errorf("2 has %v", got)
	}
	if got, ok := a.of(35); !ok || got.seq != 35 || got.err != nil {
		t.Errorf("35 has %v", got)
	}
	if _, ok := a.of(35); ok || len(a) != 0 {
		t.Error("an answer is there twice")
	}
}
