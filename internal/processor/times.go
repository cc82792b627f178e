package processor

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// times are what a processor has done since the system started, in ticks.
type times struct {
	number     int
	idle, busy uint64
}

// fields of a processor's line in /proc/stat, see proc_stat(5).
const (
	idleField   = 3
	iowaitField = 4
	// What comes after steal is time of guests, which user and nice hold already.
	countedFields = 8
)

// mostTicks is more than a processor has in a billion years, and few enough for
// sums of them.
const mostTicks = 1 << 60

// parseTimes reads the processors' lines, with which /proc/stat begins: that of all,
// which says nothing more, and one for each that is online, by ascending number.
func parseTimes(text []byte) ([]times, error) {
	var all []times
	for n := 1; ; n++ {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		name, ofProcessor := bytes.CutPrefix(line, []byte("cpu"))
		switch {
		case n == 1 && !bytes.HasPrefix(name, []byte(" ")):
			return nil, errors.New("line 1: want the times of all processors, which begin with \"cpu \"")
		case !ofProcessor && len(all) == 0:
			return nil, fmt.Errorf("line %d: want a processor's times, which begin with \"cpu0\" or another number", n)
		case !ofProcessor && whole:
			return all, nil
		case !whole:
			return nil, fmt.Errorf("line %d: is cut short", n)
		case n > 1:
			t, err := parseLine(name)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			if len(all) > 0 && t.number <= all[len(all)-1].number {
				return nil, fmt.Errorf("line %d: processor %d comes after %d; want ascending numbers", n, t.number, all[len(all)-1].number)
			}
			all = append(all, t)
		}
		text = rest
	}
}

// parseLine reads a line from behind its "cpu".
func parseLine(line []byte) (t times, err error) {
	fields := bytes.Split(line, []byte(" "))
	if len(fields)-1 < countedFields {
		return t, fmt.Errorf("%d times; want at least %d, user to steal", len(fields)-1, countedFields)
	}
	number, err := parseNumber(fields[0], 1<<16)
	if err != nil {
		return t, fmt.Errorf("the processor's number: %w", err)
	}
	t.number = int(number) //nolint:gosec // bounded above
	for i, f := range fields[1:] {
		ticks, err := parseNumber(f, mostTicks)
		switch {
		case err != nil:
			return t, fmt.Errorf("time %d: %w", i+1, err)
		case i == idleField || i == iowaitField:
			t.idle += ticks
		case i < countedFields:
			t.busy += ticks
		}
	}
	return t, nil
}

func parseNumber(text []byte, most uint64) (uint64, error) {
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil || n > most {
		return 0, fmt.Errorf("%.40q is no whole number up to %d", text, most)
	}
	return n, nil
}

// idleShare is how much of the time between two looks the processors of both were
// idle, 0 to 1. Time that a hypervisor gave to others is busy: it was wanted here.
// Where no time has passed there is no share.
func idleShare(before, after []times) (share float64, ok bool) {
	var idle, busy float64
	for _, now := range after {
		for len(before) > 0 && before[0].number < now.number {
			before = before[1:]
		}
		if len(before) > 0 && before[0].number == now.number {
			idle += passed(before[0].idle, now.idle)
			busy += passed(before[0].busy, now.busy)
		}
	}
	if idle+busy == 0 {
		return 0, false
	}
	return idle / (idle + busy), true
}

// passed is a difference; the kernel's idle times may go back a little.
func passed(before, after uint64) float64 {
	if after < before {
		return 0
	}
	return float64(after - before)
}
