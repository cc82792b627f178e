package main

import (
	"fmt"
	"time"

	"github.com/throughline/throughline/internal/edge"
)

// LimitsConfig bounds what visitors and origins may take of us.
type LimitsConfig struct {
	Connections    int    `yaml:"connections"`
	Head           string `yaml:"head"`
	HeadTimeout    string `yaml:"head_timeout"`
	IdleTimeout    string `yaml:"idle_timeout"`
	StallTimeout   string `yaml:"stall_timeout"`
	RequestTimeout string `yaml:"request_timeout"`
	ConnectTimeout string `yaml:"connect_timeout"`
	OriginTimeout  string `yaml:"origin_timeout"`
}

func defaultLimits() LimitsConfig {
	return LimitsConfig{Connections: 32_768, Head: "64KiB", HeadTimeout: "10s", IdleTimeout: "75s", StallTimeout: "5m",
		RequestTimeout: "0s", ConnectTimeout: "5s", OriginTimeout: "60s"}
}

// limits is a LimitsConfig checked and converted.
type limits struct {
	connections, head                 int
	headTimeout, idle, stall, request time.Duration
	connect, origin                   time.Duration
}

func (c LimitsConfig) check(bad func(field, wrong, right string)) (l limits) {
	if l.connections = c.Connections; l.connections < 1 {
		bad("limits.connections", fmt.Sprintf("%d is no number of connections", c.Connections), "1 or more")
	}
	if n, err := parseBytes(c.Head); err != nil || n < 4<<10 || n > 1<<20 {
		bad("limits.head", fmt.Sprintf("%q is no size from 4KiB to 1MiB", c.Head), "e.g. 64KiB")
	} else {
		l.head = int(n)
	}
	const least = 100 * time.Millisecond
	l.headTimeout = checkDuration("limits.head_timeout", c.HeadTimeout, least, bad)
	l.idle = checkDuration("limits.idle_timeout", c.IdleTimeout, least, bad)
	l.stall = checkDuration("limits.stall_timeout", c.StallTimeout, least, bad)
	l.request = checkDuration("limits.request_timeout", c.RequestTimeout, 0, bad)
	l.connect = checkDuration("limits.connect_timeout", c.ConnectTimeout, least, bad)
	l.origin = checkDuration("limits.origin_timeout", c.OriginTimeout, least, bad)
	return l
}

// apply sets what the edge is to keep.
func (l limits) apply(c *edge.Config) {
	c.MaxConns, c.MaxHead = l.connections, l.head
	c.HeadTimeout, c.IdleTimeout, c.StallTimeout, c.RequestTimeout = l.headTimeout, l.idle, l.stall, l.request
	c.Origin.DialTimeout, c.Origin.HeaderTimeout = l.connect, l.origin
}
