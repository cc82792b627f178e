import { useEffect, useEffectEvent, useSyncExternalStore } from 'react';
import type { LiveMessage } from './types';

// One stream for the whole tab, open while anything listens. The browser
// reconnects by itself; when it gives up (the Hub restarted, say) we begin again
// with growing pauses.

export type LiveState = 'off' | 'connecting' | 'open' | 'lost';

const listeners = new Set<(m: LiveMessage) => void>();
const gapListeners = new Set<() => void>();
const watchers = new Set<() => void>();
let source: EventSource | null = null;
let state: LiveState = 'off';
let asOf = 0;
let pause = 1000;
let retry: ReturnType<typeof setTimeout> | undefined;

function set(next: LiveState) {
  if (state === next) return;
  state = next;
  for (const w of watchers) w();
}

function open() {
  clearTimeout(retry);
  set('connecting');
  const s = new EventSource('/api/v1/live');
  source = s;
  s.addEventListener('ready', () => {
    const again = asOf > 0;
    pause = 1000;
    asOf = Date.now();
    set('open');
    // What happened while we were away is not sent again: ask for it.
    if (again) for (const g of gapListeners) g();
  });
  s.addEventListener('lag', () => {
    for (const g of gapListeners) g();
  });
  s.addEventListener('event', (e: MessageEvent<string>) => {
    asOf = Date.now();
    const message = JSON.parse(e.data) as LiveMessage;
    for (const l of listeners) l(message);
  });
  s.onerror = () => {
    set('lost');
    if (s.readyState !== EventSource.CLOSED || source !== s) return;
    source = null;
    retry = setTimeout(() => {
      if (listeners.size > 0) open();
    }, pause);
    pause = Math.min(pause * 2, 15_000);
  };
}

function close() {
  clearTimeout(retry);
  source?.close();
  source = null;
  asOf = 0;
  set('off');
}

/** Calls onMessage for each event while on; onGap when some were missed. */
export function useLive(on: boolean, onMessage: (m: LiveMessage) => void, onGap: () => void = () => {}) {
  const message = useEffectEvent(onMessage);
  const gap = useEffectEvent(onGap);
  useEffect(() => {
    if (!on) return;
    const l = (m: LiveMessage) => message(m);
    const g = () => gap();
    listeners.add(l);
    gapListeners.add(g);
    if (!source && listeners.size === 1) open();
    return () => {
      listeners.delete(l);
      gapListeners.delete(g);
      // A page that follows may listen at once: don't hang up in between.
      setTimeout(() => {
        if (listeners.size === 0) close();
      }, 500);
    };
  }, [on]);
}

export function useLiveState(): LiveState {
  return useSyncExternalStore(
    (fn) => {
      watchers.add(fn);
      return () => watchers.delete(fn);
    },
    () => state,
  );
}
