import { useSyncExternalStore } from 'react';

// One clock for every "12 s ago" on the page.
let now = Date.now();
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function watch(fn: () => void) {
  watchers.add(fn);
  if (!timer) now = Date.now();
  timer ??= setInterval(() => {
    now = Date.now();
    for (const w of watchers) w();
  }, 1000);
  return () => {
    watchers.delete(fn);
    if (watchers.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

export function useNow(): number {
  return useSyncExternalStore(watch, () => now);
}
