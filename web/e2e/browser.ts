import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';

// What the page tests and the screenshots share: one Chromium, signing in, and
// the list of what a page did wrong.

const places = [process.env.TL_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export function launch(): Promise<Browser> {
  const executablePath = places.find((p) => p && existsSync(p));
  if (!executablePath) throw new Error('no Chromium found; set TL_CHROMIUM to one');
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** Collects console errors, page errors, refused content and requests to elsewhere. */
export function faults(page: Page, base: string): string[] {
  const list: string[] = [];
  page.on('console', (m) => {
    // A refused sign-in is an answer the tests ask for; the browser reports it too.
    const asked = /status of 401/.test(m.text()) && /\/api\/v1\/(me|login)$/.test(m.location().url);
    if (m.type() === 'error' && !asked) list.push(`console: ${m.text()} (${m.location().url})`);
    if (/Content Security Policy/i.test(m.text())) list.push(`policy: ${m.text()}`);
  });
  page.on('pageerror', (e) => list.push(`error: ${e.message}`));
  page.on('request', (r) => {
    if (!r.url().startsWith(base) && !/^(blob|data):/.test(r.url())) list.push(`request to elsewhere: ${r.url()}`);
  });
  return list;
}

export async function signIn(page: Page, base: string, user: string, password: string, path = '/sessions') {
  await page.goto(base + path);
  await page.getByLabel('Name').fill(user);
  await page.locator('input[name=password]').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((u) => !u.pathname.startsWith('/signin'));
}

/**
 * Lists everything a page's content policy refuses, whatever the console says of
 * it. Each page has its own list, so read it before going on to another.
 */
export async function refusals(page: Page): Promise<() => Promise<string[]>> {
  await page.addInitScript(() => {
    const list: string[] = [];
    Object.assign(window, { refused: list });
    document.addEventListener('securitypolicyviolation', (e) => list.push(`${e.effectiveDirective}: ${e.blockedURI || e.sample}`));
  });
  return () => page.evaluate(() => (window as unknown as { refused: string[] }).refused);
}

/** How many pixels the page is wider than its window; 0 or less is right. */
export const overflow = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
