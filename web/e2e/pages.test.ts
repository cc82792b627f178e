import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { faults, launch, overflow, refusals, signIn } from './browser.ts';

// The pages in a real browser against a running Hub that has seen all three
// ratings: TL_HUB_URL, TL_USER, TL_PASSWORD.

const base = (process.env.TL_HUB_URL ?? '').replace(/\/$/, '');
const user = process.env.TL_USER ?? '';
const password = process.env.TL_PASSWORD ?? '';
if (!base || !user || !password) throw new Error('set TL_HUB_URL, TL_USER and TL_PASSWORD');

const ratings = ['normal', 'suspicious', 'malicious'] as const;
const sizes = [
  { name: 'desktop', viewport: { width: 1440, height: 900 } },
  { name: 'phone', viewport: { width: 390, height: 844 } },
];

interface SessionRow { id: string; rating: string; labels: { title: string }[] }

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

async function api<T>(page: Page, path: string): Promise<T> {
  const answer = await page.request.get(base + path);
  expect(answer.status(), path).toBe(200);
  return (await answer.json()) as T;
}

const sessions = (page: Page, query: string) => api<{ sessions: SessionRow[]; total: number }>(page, `/api/v1/sessions?${query}`);
const shownTotal = async (page: Page) => Number(await page.getByTestId('total').getAttribute('data-total'));
const literal = (s: string) => s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const rows = (page: Page) => page.locator('[data-session]');

it('refuses a wrong password and says so', async () => {
  const page = await browser.newPage();
  await page.goto(`${base}/signin`);
  await page.getByLabel('Name').fill(user);
  await page.locator('input[name=password]').fill('not the password at all');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  expect(new URL(page.url()).pathname).toBe('/signin');
  await page.close();
});

it('leads back to the page that was asked for', async () => {
  const page = await browser.newPage();
  await signIn(page, base, user, password, '/sessions?rating=malicious&from=7d');
  const url = new URL(page.url());
  expect(url.pathname + url.search).toBe('/sessions?rating=malicious&from=7d');
  await page.context().close();
});

it('needs no exception from a strict content policy, on any page', async () => {
  const page = await browser.newPage({ colorScheme: 'dark' });
  const list = faults(page, base);
  const refused = await refusals(page);
  const policies = new Map<string, string>();
  page.on('response', (r) => {
    if (r.request().resourceType() === 'document') policies.set(new URL(r.url()).pathname, r.headers()['content-security-policy'] ?? 'none');
  });
  const clean = async () => expect([page.url(), await refused()]).toEqual([page.url(), []]);

  await page.goto(`${base}/signin`);
  await page.getByLabel('Name').waitFor();
  await clean();
  await page.goto(`${base}/setup?token=x`);
  await page.getByText('Already set up').waitFor();
  await clean();
  await signIn(page, base, user, password);
  await rows(page).first().waitFor();
  await page.getByRole('button', { name: /^Time:/ }).click();
  await page.getByText('Last 7 days').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('menu').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Your account' }).click();
  await page.getByRole('menuitem', { name: 'Change password' }).click();
  await page.getByRole('dialog').waitFor();
  await clean();

  const [worst] = (await sessions(page, 'rating=malicious&from=7d&limit=1')).sessions;
  const detail = await api<{ spec_id: string; entities: { id: string }[]; turns: { event_id: string }[] }>(page, `/api/v1/sessions/${worst?.id}`);
  await page.goto(`${base}/sessions/${worst?.id}`);
  const chart = page.getByTestId('risk-chart').locator('canvas');
  await chart.waitFor();
  const box = await chart.boundingBox();
  // Over every part of the chart, so that its tips are drawn.
  for (let x = 90; box && x < box.width; x += 24) for (let y = 30; y < box.height; y += 12) await page.mouse.move(box.x + x, box.y + y);
  await page.locator('[data-event] button').first().click();
  await page.getByText('Joined by').waitFor();
  await page.getByRole('combobox', { name: 'Type' }).click();
  await page.getByRole('option').first().waitFor();
  await clean();
  for (const [path, shows] of [
    [`/events/${detail.turns[0]?.event_id}`, 'Handling'], [`/entities/${detail.entities[0]?.id}`, 'Recent sessions'],
    [`/spec-ids/${detail.spec_id}`, 'Sessions over time'], [`/spec-ids/${detail.spec_id}?chart=table`, 'Sessions over time'],
    ['/recognition', 'How it is measured'], ['/discovery', 'Learning from'], ['/status', 'Response to visible'], ['/no/such/page', 'There is no such page'],
  ] as const) {
    await page.goto(base + path);
    await page.getByText(shows).first().waitFor();
    await clean();
  }
  expect(list, 'what the browser complained of').toEqual([]);
  expect(policies.size).toBeGreaterThan(6);
  for (const [path, policy] of policies) {
    expect(policy, path).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    expect(policy, path).not.toMatch(/unsafe|nonce|data:|blob:|\*/);
  }

  // The watch itself works: what the policy must refuse is refused and seen.
  await page.evaluate(() => {
    document.body.insertAdjacentHTML('beforeend', '<p style="color: red">inline</p>');
    document.head.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = true' }));
    document.body.append(Object.assign(document.createElement('img'), { src: 'data:image/gif;base64,R0lGODlhAQABAAAAACw=' }));
  });
  await expect.poll(async () => (await refused()).map((r) => r.split(':')[0]).sort()).toEqual(['img-src', 'script-src-elem', 'style-src-attr']);
  expect(await page.evaluate(() => 'ran' in window)).toBe(false);
  await page.context().close();
});

describe.each(sizes)('$name', ({ name, viewport }) => {
  let context: BrowserContext;
  let page: Page;
  let list: string[];

  beforeAll(async () => {
    context = await browser.newContext({ viewport });
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: base });
    page = await context.newPage();
    list = faults(page, base);
    await signIn(page, base, user, password);
  });
  afterAll(() => context.close());
  afterEach(async () => {
    expect(list.splice(0), 'what the browser complained of').toEqual([]);
    expect(await overflow(page), 'pixels wider than the window').toBeLessThanOrEqual(0);
  });

  it.each(ratings)('lists %s sessions, as many as the API', async (rating) => {
    // The view ends at a moment, so that page and API are asked about the same
    // time; where traffic goes on a rating may still move in between, so ask again.
    const to = new Date(Math.floor(Date.now() / 1000) * 1000).toISOString().replace('.000', '');
    const differ = async () => {
      await page.goto(`${base}/sessions?rating=${rating}&from=7d&to=${to}`);
      await rows(page).first().waitFor();
      const answer = await sessions(page, `rating=${rating}&from=7d&to=${to}&limit=50`);
      expect(answer.total).toBeGreaterThan(0);
      const shown = await rows(page).evaluateAll((all) => all.slice(0, 50).map((r) => [r.getAttribute('data-session'), r.getAttribute('data-rating')].join()));
      const page1 = { total: await shownTotal(page), rows: shown };
      const said = { total: answer.total, rows: answer.sessions.map((s) => [s.id, rating].join()) };
      return JSON.stringify(page1) === JSON.stringify(said) ? '' : `shown ${JSON.stringify(page1)}, said ${JSON.stringify(said)}`;
    };
    await expect.poll(differ, { timeout: 30_000, interval: 500 }).toBe('');
  });

  it('listens to the live stream, and stops when told', async () => {
    await page.goto(`${base}/sessions`);
    await page.locator('[data-live="open"]').waitFor();
    await page.getByRole('switch', { name: 'Live' }).click();
    await page.waitForURL(/live=off/);
    await page.locator('[data-live="off"]').waitFor();
  });

  it('tells the story of a malicious session', async () => {
    await page.goto(`${base}/sessions?rating=malicious&from=7d&live=off&sort=-labels`);
    const row = rows(page).first();
    await row.waitFor();
    const id = (await row.getAttribute('data-session')) ?? '';
    // Asked before: the session may go on, and the page then tells more than this.
    const detail = await api<SessionRow & { turns: { to: string; event_name: string }[]; chart: unknown[]; events: number }>(page, `/api/v1/sessions/${id}`);
    await row.locator('a').first().click();
    await page.waitForURL(`**/sessions/${id}`);

    const story = page.getByTestId('story');
    await story.waitFor();
    const told = (await story.textContent()) ?? '';
    expect(told).toMatch(/malicious/);
    for (const t of detail.turns) expect(told).toContain(t.event_name);
    const labels = page.getByRole('region', { name: 'Labels' });
    for (const title of new Set(detail.labels.map((l) => l.title))) expect(await labels.getByText(title).count(), title).toBeGreaterThan(0);
    expect(await labels.locator('dl dd').count(), 'evidence').toBeGreaterThan(0);

    const chart = page.getByTestId('risk-chart');
    await chart.locator('canvas').waitFor();
    // The session may go on meanwhile; the chart follows.
    await expect.poll(async () => Number(await chart.getAttribute('data-bubbles')) - (await api<typeof detail>(page, `/api/v1/sessions/${id}`)).chart.length, { timeout: 10_000 }).toBe(0);
    expect(await chart.locator('canvas').evaluate((c: HTMLCanvasElement) => new Set(c.getContext('2d')?.getImageData(0, 0, c.width, c.height).data).size), 'colours drawn').toBeGreaterThan(20);
    await page.getByRole('radio', { name: 'Table' }).check();
    await page.getByRole('columnheader', { name: 'Types' }).waitFor();

    const events = page.locator('[data-event]');
    await events.first().waitFor();
    const event = await events.first().getAttribute('data-event'); // a newer one may come any time
    await page.locator(`[data-event="${event}"]`).getByRole('button').click();
    await page.getByText('Joined by').waitFor();
    expect(new URL(page.url()).searchParams.get('event')).toBe(event);
    await page.getByRole('button', { name: 'Newest first' }).click();
    await page.waitForURL(/order=oldest/);
  });

  it('goes from a session to an event and to an entity', async () => {
    const [first] = (await sessions(page, 'rating=malicious&from=7d&limit=1&sort=-events')).sessions;
    await page.goto(`${base}/sessions/${first?.id}`);
    const entity = page.getByRole('region', { name: 'Linked entities' }).locator('a[href^="/entities/"]').first();
    await entity.waitFor();
    await entity.click();
    await page.getByText('Recent sessions').waitFor();
    expect(new URL(page.url()).pathname).toMatch(/^\/entities\/e[0-7][0-9a-f]{15}$/);
    await page.getByRole('link', { name: 'Search its sessions' }).click();
    await page.locator('[data-total]').waitFor();
    const query = new URL(page.url()).searchParams;
    expect(await shownTotal(page)).toBe((await sessions(page, `entity=${query.get('entity')}`)).total);

    await page.goto(`${base}/sessions/${first?.id}`);
    await page.getByTestId('story').getByRole('link').first().click();
    await page.getByRole('heading', { name: 'Handling' }).waitFor();
    expect(new URL(page.url()).pathname).toMatch(/^\/events\/\d+$/);
  });

  it('finds an entity by value without the value in the address', async () => {
    const [some] = (await sessions(page, 'from=7d&limit=1&sort=-events')).sessions;
    const detail = await api<{ entities: { id: string; element: string; value: string; hashed: boolean }[] }>(page, `/api/v1/sessions/${some?.id}`);
    const wanted = detail.entities.find((e) => !e.hashed && (e.element === 'ip' || e.element === 'email' || e.element === 'username'));
    expect(wanted, 'an entity to look up').toBeDefined();
    const name = (await api<{ elements: { id: string; name: string }[] }>(page, '/api/v1/elements')).elements.find((e) => e.id === wanted?.element)?.name ?? '';
    await page.goto(`${base}/sessions?live=off`);
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByRole('combobox', { name: /Find a page/ }).fill(wanted?.value ?? '');
    await page.getByRole('option', { name: new RegExp(`^${literal(`${name} ${wanted?.value}`)}`) }).click();
    await page.waitForURL(`**/entities/${wanted?.id}`);
    expect(page.url()).not.toContain(encodeURIComponent(wanted?.value ?? ''));
  });

  it('tells who a visitor is, from a session to the Spec ID and back', async () => {
    interface Known { id: string; spec_id: string; known_as: string; recognised: string }
    interface Spec { id: string; known_as: string; ids: string[]; sessions: number; ratings: Record<string, number>; recent: Known[]; history: { reason: string }[]; actors: { spec_id: string; worst_session: string }[] }
    const all = (await api<{ sessions: Known[] }>(page, '/api/v1/sessions?from=7d&limit=500')).sessions;
    const who = (s: Known) => s.known_as || s.spec_id;
    const times = (s: Known) => all.filter((o) => who(o) === who(s)).length;
    const regular = all.filter((s) => s.spec_id).sort((a, b) => times(b) - times(a))[0];
    expect(regular, 'a session with a Spec ID').toBeDefined();
    await page.goto(`${base}/sessions/${regular?.id}`);
    await page.getByText('Recognised by').first().waitFor();
    await page.getByRole('link', { name: 'Spec ID page' }).click();
    await page.waitForURL(`**/spec-ids/${regular?.spec_id}`);
    await page.getByTestId('visits').waitFor();
    const spec = await api<Spec>(page, `/api/v1/spec-ids/${regular?.spec_id}`);
    expect(spec.ids).toContain(regular?.spec_id);
    // Traffic goes on meanwhile: there may be more of them by now, never fewer.
    expect((await sessions(page, `spec_id=${spec.id}&limit=1`)).total).toBeGreaterThanOrEqual(spec.sessions);
    expect(Object.values(spec.ratings).reduce((a, b) => a + b)).toBe(spec.sessions);
    await rows(page).first().waitFor();
    expect(await rows(page).count()).toBeGreaterThanOrEqual(Math.min(spec.sessions, 12));
    for (const a of spec.actors.slice(0, 5)) await page.getByTestId('actors').getByRole('link', { name: a.spec_id }).waitFor();
    if (spec.history[0]) await page.getByTestId('history').getByText(spec.history[0].reason).first().waitFor();
    await page.getByRole('radio', { name: 'Table' }).check();
    await page.waitForURL(/chart=table/);
    await page.getByRole('columnheader', { name: 'From, UTC' }).waitFor();
    await page.reload();
    await page.getByRole('columnheader', { name: 'From, UTC' }).waitFor();
    await rows(page).first().waitFor();
    await page.keyboard.press('j');
    const first = await page.locator('[data-session][data-active]').getAttribute('data-session');
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/sessions/${first}`);
    await page.keyboard.press('Escape');
    await page.waitForURL(/\/spec-ids\//);
    await page.getByRole('link', { name: 'Search its sessions' }).click();
    await page.locator('[data-total]').waitFor();
    expect(await shownTotal(page)).toBeGreaterThanOrEqual(spec.sessions);
    await page.getByRole('link', { name: 'Spec ID page' }).waitFor();
    // What became of an ID is said on its page, and an Event keeps the one it was recorded under.
    const former = all.find((s) => s.known_as);
    if (former) {
      await page.goto(`${base}/spec-ids/${former.spec_id}`);
      await page.getByTestId('known-as').getByRole('link', { name: former.known_as }).waitFor();
    }
  });

  it('says how the Hub is', async () => {
    await page.goto(`${base}/status`);
    await page.getByText('Response to visible').waitFor();
    for (const title of ['Sites', 'Sync decision', 'Policy', 'Engine', 'Journal', 'Warehouse', 'Not recorded']) {
      expect(await page.getByRole('heading', { name: title }).count(), title).toBe(1);
    }
  });

  it('says how well visitors are recognised, as the API does', async () => {
    interface Group { name: string; quality: { sessions: number } }
    interface Answer { state: string; report?: { labelled: number; notes: string[]; families: Group[]; kinds: Group[] } }
    const differ = async () => {
      await page.goto(`${base}/recognition?days=1`);
      await page.getByRole('heading', { name: 'How it is measured' }).waitFor();
      const { state, report } = await api<Answer>(page, '/api/v1/identity/report?days=1');
      if (state !== 'ready' || !report) return state; // found anew meanwhile
      const shown = await page.locator('[data-group]').evaluateAll((all) => all.map((g) => `${g.getAttribute('data-group')} ${g.getAttribute('data-sessions')}`));
      const said = [...report.families, ...report.kinds].map((g) => `${g.name} ${g.quality.sessions}`);
      for (const n of report.notes) if ((await page.getByText(n, { exact: true }).count()) !== 1) return `"${n}" is not shown`;
      return JSON.stringify(shown) === JSON.stringify(said) ? '' : `shown ${JSON.stringify(shown)}, said ${JSON.stringify(said)}`;
    };
    await expect.poll(differ, { timeout: 30_000, interval: 500 }).toBe('');
    for (const name of ['Known on the first request', 'New, taken for somebody else', 'One Spec ID, one account', 'One account, one Spec ID']) {
      expect(await page.getByRole('region', { name }).locator('b').textContent(), name).toMatch(/^([<>]?\d+(\.\d+)? %|–)$/);
    }
    await page.getByRole('radio', { name: '30 days' }).check();
    await page.waitForURL(/days=30/);
    await page.getByRole('heading', { name: 'By key' }).waitFor();
    // One that is not there: the browser reports it as an error.
    await page.goto(`${base}/recognition?site=nowhere`);
    await page.getByText('The measurement could not be loaded').waitFor();
    expect(list.splice(0).filter((f) => !f.includes('404'))).toEqual([]);
  });

  it('switches the mode of a site and back', async () => {
    interface Site { name: string; mode: string; configured_mode: string }
    const site = async () => (await api<{ sites: Site[] }>(page, '/api/v1/status')).sites[0];
    const before = await site();
    await page.goto(`${base}/status`);
    for (const [option, verb, mode] of [['Bypass', 'Switch to bypass', 'bypass'], [/\(configured\)$/, /^Switch to/, before?.configured_mode]] as const) {
      await page.getByRole('combobox', { name: `Mode of ${before?.name}` }).click();
      await page.getByRole('option', { name: option }).click();
      await page.getByRole('dialog').getByRole('button', { name: verb }).click();
      await expect.poll(async () => (await site())?.mode).toBe(mode);
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
  });

  it('proposes Specs for what none names, and makes a policy file of them', async () => {
    interface Proposal { id: string; name: string; says: string; yaml: string; named_by: string; fields: { source: string; secret: boolean }[] }
    const open = async () => (await api<{ proposals: Proposal[] }>(page, '/api/v1/discovery')).proposals.filter((p) => !p.named_by);
    await page.goto(`${base}/discovery`);
    const [wanted] = await open();
    if (!wanted) throw new Error('nothing is proposed; the tests need one request that no Spec names, sent by enough visitors');
    const card = page.getByRole('region', { name: wanted.name });
    await card.getByText(wanted.says.slice(1)).waitFor();
    expect(await card.locator('ul[aria-label=Fields] li').count()).toBe(wanted.fields.length);
    expect(await card.getByText('left out: a secret').count()).toBe(wanted.fields.filter((f) => f.secret).length);
    await card.getByRole('button', { name: 'Show the Spec' }).click();
    expect(await card.locator('pre').textContent()).toBe(wanted.yaml);
    const accept = page.getByRole('button', { name: /^Accept/ });
    expect(await accept.isDisabled()).toBe(true);
    await card.getByRole('checkbox').check();
    await accept.click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('nothing is wrong').waitFor();
    expect(await dialog.locator('pre').textContent()).toContain(wanted.yaml);
    await dialog.getByRole('button', { name: 'Copy' }).click();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain(wanted.yaml);
    const [file] = await Promise.all([page.waitForEvent('download'), dialog.getByRole('button', { name: 'Download' }).click()]);
    expect(file.suggestedFilename()).toMatch(/^proposed(-\d+)?\.yaml$/);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    const log = await api<{ entries: { action: string; detail: string }[] }>(page, '/api/v1/audit?limit=20');
    expect(log.entries.find((e) => e.action === 'discovery.accept')?.detail).toBe(wanted.name);
  });

  it('says so where nothing is found', async () => {
    await page.goto(`${base}/sessions?country=ZZ&from=1h`);
    await page.getByText('No session fits this search').waitFor();
    // These are asked for and not there: the browser reports each as an error.
    await page.goto(`${base}/sessions/883612061859840001`);
    await page.getByText('There is no such session').waitFor();
    await page.goto(`${base}/entities/e0000000000000001`);
    await page.getByText('No session has seen this entity').waitFor();
    await page.goto(`${base}/spec-ids/883612061859840001`);
    await page.getByText('There is no such Spec ID').waitFor();
    expect(list.splice(0).filter((f) => !f.includes('404'))).toEqual([]);
    await page.goto(`${base}/nowhere`);
    await page.getByText('There is no such page').waitFor();
  });

  it.runIf(name === 'desktop')('works from the keyboard', async () => {
    await page.goto(`${base}/sessions?from=7d&live=off`);
    await rows(page).first().waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('j');
    const second = rows(page).nth(1);
    expect(await second.getAttribute('data-active')).toBe('true');
    const id = await second.getAttribute('data-session');
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/sessions/${id}`);
    await page.locator('[data-event]').first().waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.getByText('Joined by').waitFor();
    await page.keyboard.press('Escape');
    await page.waitForURL(/\/sessions\?/);
    await rows(page).first().waitFor();
    await page.keyboard.press('3');
    await page.waitForURL(/rating=malicious/);
    await page.keyboard.press('?');
    await page.getByRole('dialog').getByText('Next, previous row').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: /Find a page/ }).fill(id ?? '');
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/sessions/${id}`);
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('g');
    await page.keyboard.press('r');
    await page.waitForURL('**/recognition');
    await page.keyboard.press('g');
    await page.keyboard.press('t');
    await page.waitForURL('**/status');
  });

  it.runIf(name === 'desktop')('sorts, filters and downloads what it shows', async () => {
    await page.goto(`${base}/sessions?from=7d&live=off`);
    await rows(page).first().waitFor();
    await page.getByRole('button', { name: 'Events' }).click();
    await page.waitForURL(/sort=-events/);
    // Traffic goes on meanwhile: the page's first is among the API's first ten.
    const most = (await sessions(page, 'from=7d&sort=-events&limit=10')).sessions.map((one) => one.id);
    await page.waitForFunction((ids) => ids.includes(document.querySelector('[data-session]')?.getAttribute('data-session') ?? ''), most);
    await page.getByRole('button', { name: 'Malicious' }).click();
    await page.waitForURL(/rating=malicious/);
    await rows(page).first().waitFor();
    const before = await shownTotal(page);
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()]);
    const stream = await file.createReadStream();
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    const lines = text.trim().split('\r\n');
    expect(lines[0]).toMatch(/^session_id,/);
    // Sessions are still turning malicious, and none turns back.
    expect(lines.length - 1).toBeGreaterThanOrEqual(before);
    expect(lines.length - 1).toBeLessThanOrEqual((await sessions(page, 'from=7d&rating=malicious&limit=1')).total);
  });
});
