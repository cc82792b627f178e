//go:build !linux

package wire

import (
	"errors"
	"time"
)

// Elsewhere than on Linux there are no Lanes, and what belongs to them does nothing.

// HasLanes tells whether there are Lanes on this system.
const HasLanes = false

var errNoLanes = errors.New("wire: there are no lanes on this system")

// Lane is of Linux.
type Lane struct{}

// Rider is of Linux.
type Rider interface{ Ready() }

// Ride is of Linux.
type Ride struct{ Ready, Ended bool }

// NewLane has none to give.
func NewLane(*Sweeper, time.Duration, func(time.Duration)) (*Lane, error) { return nil, errNoLanes }

func (*Lane) Post(func()) error               { return errNoLanes }
func (*Lane) Stop()                           {}
func (*Lane) Busy() time.Duration             { return 0 }
func (*Lane) Now() time.Duration              { return 0 }
func (*Lane) Board(int, Rider) (*Ride, error) { return nil, errNoLanes }

func (*Ride) Fill(*Input) (full, wait bool, err error)  { return false, false, errNoLanes }
func (*Ride) Read([]byte) (n int, wait bool, err error) { return 0, false, errNoLanes }
func (*Ride) Write([]byte) (int, error)                 { return 0, errNoLanes }
func (*Ride) Quiet() error                              { return ErrStale }
func (*Ride) Close()                                    {}
func (*Ride) Reset()                                    {}
func (*Ride) Release() (fd int)                         { return -1 }

// ProcessTime can't tell here.
func ProcessTime() time.Duration { return 0 }

// Detach is of Linux.
func (s *Socket) Detach() (fd int, err error) { return -1, errNoLanes }

// Attach is of Linux.
func Attach(int, *Sweeper) (*Socket, error) { return nil, errNoLanes }
