import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { faults, launch, overflow, signIn } from './browser.ts';

// Pictures of every page at both widths in both themes, to be looked at:
//   npm run shots -- http://127.0.0.1:8090 ann PASSWORD out/

const [base = 'http://127.0.0.1:4173', user = 'ann', password = 'fixture-password', out = 'shots', only = ''] = process.argv.slice(2);
mkdirSync(out, { recursive: true });

const sizes = [{ name: '1440', width: 1440, height: 900 }, { name: '390', width: 390, height: 844 }];
const browser = await launch();
let wrong = 0;

for (const size of sizes) {
  for (const colorScheme of ['light', 'dark'] as const) {
    const context = await browser.newContext({ viewport: { width: size.width, height: size.height }, colorScheme, deviceScaleFactor: 1, reducedMotion: 'reduce' });
    const page = await context.newPage();
    const list = faults(page, base);
    const shot = async (name: string, fullPage = false) => {
      if (only && !name.includes(only)) return;
      await page.waitForTimeout(500);
      const over = await overflow(page);
      if (over > 0) {
        wrong++;
        console.log(`${name} ${size.name} ${colorScheme}: ${over} px too wide`);
      }
      await page.screenshot({ path: join(out, `${name}-${size.name}-${colorScheme}.png`), fullPage });
    };
    await page.goto(`${base}/signin`);
    await page.getByLabel('Name').waitFor();
    await shot('signin');
    await signIn(page, base, user, password);
    await rows(page);
    await shot('sessions');
    await page.keyboard.press('/');
    await page.getByRole('combobox', { name: /Find a page/ }).fill('ann@example.com');
    await shot('palette');
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await shot('keyboard');
    await page.keyboard.press('Escape');
    await page.goto(`${base}/sessions?element=username&values=no,body&from=1h`);
    await page.getByText('No session fits').waitFor();
    await shot('sessions-empty');
    for (const rating of ['malicious', 'suspicious', 'normal']) {
      await page.goto(`${base}/sessions?rating=${rating}&live=off&from=7d&sort=-labels`);
      await rows(page);
      const id = await page.locator('[data-session]').first().getAttribute('data-session');
      await page.goto(`${base}/sessions/${id}`);
      await page.locator('[data-event]').first().waitFor();
      await page.locator('[data-testid=risk-chart] canvas').waitFor();
      await shot(`session-${rating}`);
      if (rating !== 'malicious') continue;
      await page.locator('[data-event] button').first().click();
      await shot('session-open', true);
      const event = await page.locator('[data-event]').first().getAttribute('data-event');
      await page.goto(`${base}/events/${event}`);
      await page.getByText('Handling').waitFor();
      await shot('event', true);
      await page.locator('dl a[href^="/entities/"]').first().click();
      await page.getByText('Recent sessions').waitFor();
      await shot('entity');
    }
    const [regular] = ((await (await page.request.get(`${base}/api/v1/sessions?from=30d&limit=500`)).json()) as { sessions: { spec_id: string; known_as: string }[] }).sessions
      .map((s, _, all) => ({ id: s.known_as || s.spec_id, n: all.filter((o) => (o.known_as || o.spec_id) === (s.known_as || s.spec_id)).length })).sort((a, b) => b.n - a.n);
    await page.goto(`${base}/spec-ids/${regular?.id}`);
    await rows(page);
    await shot('spec');
    await shot('spec-whole', true);
    await page.goto(`${base}/recognition`);
    await page.getByText(/How it is measured|No log-in to measure by/).waitFor();
    await shot('recognition', true);
    await page.goto(`${base}/status`);
    await page.getByText('Response to visible').waitFor();
    await shot('status', true);
    await page.goto(`${base}/discovery`);
    await page.getByRole('heading', { name: 'Discovery', exact: true }).waitFor();
    await shot('discovery', true);
    const proposals = page.getByRole('checkbox', { name: /^Choose / });
    if ((await proposals.count()) > 0) {
      await page.getByRole('button', { name: 'Show the Spec' }).first().click();
      await proposals.first().check();
      await shot('discovery-open', true);
      await page.getByRole('button', { name: /^Accept/ }).click();
      await page.getByRole('dialog').waitFor();
      await shot('discovery-file');
      await page.keyboard.press('Escape');
    }
    await page.goto(`${base}/no/such/page`);
    await shot('not-found');
    for (const f of new Set(list)) console.log(`${size.name} ${colorScheme}: ${f}`);
    wrong += list.length;
    await context.close();
  }
}
await browser.close();
console.log(wrong === 0 ? 'nothing wrong seen by the browser' : `${wrong} faults`);
process.exitCode = wrong === 0 ? 0 : 1;

async function rows(page: Page) {
  await page.locator('[data-session]').first().waitFor();
}
