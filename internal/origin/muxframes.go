package origin

import (
	"fmt"
	"io"

	"golang.org/x/net/http2"
)

// take deals with a frame. An error ends the connection. Under mu.
func (m *mux) take(f http2.Frame) error {
	select {
	case <-m.settled:
	default:
		if s, ok := f.(*http2.SettingsFrame); !ok || s.IsAck() {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
	}
	if m.brings(f) {
		m.futile = 0
	} else if m.futile++; m.futile > maxFutile {
		return errFutile
	}
	switch f := f.(type) {
	case *http2.SettingsFrame:
		return m.settings(f)
	case *http2.MetaHeadersFrame:
		return m.headers(f)
	case *http2.DataFrame:
		return m.data(f)
	case *http2.WindowUpdateFrame:
		return m.windowUpdate(f)
	case *http2.RSTStreamFrame:
		if s := m.streams[f.StreamID]; s != nil {
			s.wasReset(f.ErrCode)
		} else if m.never(f.StreamID) {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			_ = m.fr.WritePing(true, f.Data)
		}
	case *http2.GoAwayFrame:
		m.leaving = true
		for id, s := range m.streams {
			if id > f.LastStreamID {
				s.refuse()
				m.remove(s)
			}
		}
		m.settle()
	case *http2.PushPromiseFrame:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil
}

// brings tells a frame that moves something on from one that costs the time to look
// at it. Windows are not asked about: who opens them takes what we send.
func (m *mux) brings(f http2.Frame) bool {
	switch f := f.(type) {
	case *http2.MetaHeadersFrame, *http2.GoAwayFrame:
		return true
	case *http2.DataFrame:
		return len(f.Data()) > 0 || f.StreamEnded()
	case *http2.WindowUpdateFrame:
		return m.streams[f.StreamID] != nil || f.StreamID == 0
	}
	return false
}

// never tells that no stream of that id was ever begun.
func (m *mux) never(id uint32) bool { return id%2 == 0 || id >= m.next }

func (m *mux) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	err := f.ForeachSetting(func(s http2.Setting) error {
		if err := s.Valid(); err != nil {
			return err
		}
		switch s.ID {
		case http2.SettingMaxConcurrentStreams:
			m.max = int(min(s.Val, maxStreams))
		case http2.SettingInitialWindowSize:
			more := int64(s.Val) - m.initial
			m.initial = int64(s.Val)
			for _, st := range m.streams {
				if st.window += more; st.window > 1<<31-1 {
					return http2.ConnectionError(http2.ErrCodeFlowControl)
				}
			}
		case http2.SettingMaxFrameSize:
			m.frame = int(min(s.Val, outRoom))
		case http2.SettingHeaderTableSize:
			m.enc.SetMaxDynamicTableSize(min(s.Val, tableSize))
		}
		return nil
	})
	if err != nil {
		return err
	}
	_ = m.fr.WriteSettingsAck()
	select {
	case <-m.settled:
	default:
		close(m.settled)
	}
	m.unblock()
	return nil
}

func (m *mux) windowUpdate(f *http2.WindowUpdateFrame) error {
	if f.StreamID == 0 {
		if m.window += int64(f.Increment); m.window > 1<<31-1 {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		m.unblock()
		return nil
	}
	s := m.streams[f.StreamID]
	if s == nil {
		if m.never(f.StreamID) {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		return nil
	}
	if s.window += int64(f.Increment); s.window > 1<<31-1 {
		s.reset(http2.ErrCodeFlowControl, fmt.Errorf("origin: window of more than 2^31-1"))
		return nil
	}
	s.wcond.Signal()
	return nil
}

func (m *mux) headers(f *http2.MetaHeadersFrame) error {
	m.moved = true
	s := m.streams[f.StreamID]
	switch {
	case s == nil && m.never(f.StreamID):
		return http2.ConnectionError(http2.ErrCodeProtocol)
	case s == nil:
	case s.inEnd:
		s.reset(http2.ErrCodeStreamClosed, errAfterEnd)
	case f.Truncated:
		s.reset(http2.ErrCodeEnhanceYourCalm, errHeadTooLarge)
	case s.answered:
		s.trailers(f)
	default:
		s.head(f)
	}
	return nil
}

func (m *mux) data(f *http2.DataFrame) error {
	m.moved = true
	if m.owed += int(f.Length); m.owed >= creditAt {
		_ = m.fr.WriteWindowUpdate(0, uint32(m.owed)) //nolint:gosec // below the window
		m.owed = 0
	}
	s := m.streams[f.StreamID]
	if s == nil {
		if m.never(f.StreamID) {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		return nil
	}
	s.data(f)
	return nil
}

// malformed resets a stream on which something came that HTTP/2 forbids.
func (m *mux) malformed(bad http2.StreamError) {
	if s := m.streams[bad.StreamID]; s != nil {
		s.reset(bad.Code, fmt.Errorf("origin: malformed: %w", bad))
		return
	}
	_ = m.fr.WriteRSTStream(bad.StreamID, bad.Code)
}

// remove forgets a stream that is over.
func (m *mux) remove(s *stream) {
	if m.streams[s.id] != s {
		return
	}
	delete(m.streams, s.id)
	m.settle()
}

var (
	errAfterEnd     = fmt.Errorf("origin: something came behind the stream's end")
	errHeadTooLarge = fmt.Errorf("origin: the head is too large")
	errStatus       = fmt.Errorf("origin: the status is none, or stands where it may not")
	errHop          = fmt.Errorf("origin: a field that HTTP/2 does not have")
	errLength       = fmt.Errorf("origin: content-length is not a number, or stands twice")
	errShort        = fmt.Errorf("origin: the body is not as long as it said: %w", io.ErrUnexpectedEOF)
)
