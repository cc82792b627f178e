import { useEffect, useEffectEvent } from 'react';

// Keys that work wherever nobody is typing and no dialog is open.

export interface KeyHelp { keys: string; does: string }

export const keyHelp: { group: string; keys: KeyHelp[] }[] = [
  {
    group: 'Anywhere',
    keys: [
      { keys: '⌘ K  or  /', does: 'Find a page, session, event, Spec ID or entity' },
      { keys: 'g  s', does: 'Go to Sessions' },
      { keys: 'g  r', does: 'Go to Recognition' },
      { keys: 'g  d', does: 'Go to Discovery' },
      { keys: 'g  t', does: 'Go to Status' },
      { keys: 'Esc', does: 'Close, or go back' },
      { keys: '?', does: 'This help' },
    ],
  },
  {
    group: 'Lists',
    keys: [
      { keys: 'j  k', does: 'Next, previous row' },
      { keys: 'Enter', does: 'Open the row' },
      { keys: 'c', does: 'Copy the row’s ID' },
    ],
  },
  {
    group: 'Sessions',
    keys: [
      { keys: 'f', does: 'Search by element' },
      { keys: 'l', does: 'Live on, live off' },
      { keys: '1  2  3', does: 'Show normal, suspicious, malicious' },
    ],
  },
  { group: 'Session', keys: [{ keys: 'o', does: 'Timeline newest or oldest first' }] },
];

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

const dialogOpen = () => document.querySelector('[role="dialog"]') !== null;

type Handler = (e: KeyboardEvent) => void;

/** Handles keys by their name ("j", "Enter", "?", or "g s" for one after the other). */
export function useKeys(map: Record<string, Handler>) {
  const handle = useEffectEvent((e: KeyboardEvent, name: string) => {
    const fn = map[name];
    if (fn) fn(e);
    return fn !== undefined;
  });
  useEffect(() => {
    let before = '';
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onKey = (e: KeyboardEvent) => {
      const command = (e.metaKey || e.ctrlKey) && !e.altKey && e.key.toLowerCase() === 'k';
      if (command) {
        if (handle(e, 'mod+k')) e.preventDefault();
        return;
      }
      if (e.defaultPrevented || e.metaKey || e.ctrlKey || e.altKey || typing(e.target) || dialogOpen()) return;
      // Enter on a link or button is that link's.
      if (e.key === 'Enter' && e.target instanceof HTMLElement && e.target.closest('a,button')) return;
      const pair = `${before} ${e.key}`;
      clearTimeout(timer);
      if (before && handle(e, pair)) {
        before = '';
        e.preventDefault();
        return;
      }
      before = e.key;
      timer = setTimeout(() => (before = ''), 900);
      if (handle(e, e.key)) e.preventDefault();
    };
    window.addEventListener('keydown', onKey);
    return () => {
      clearTimeout(timer);
      window.removeEventListener('keydown', onKey);
    };
  }, []);
}
