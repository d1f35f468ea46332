/* browser.mjs -- Chromium for the tests, and what every page is held against: no error on the
 * console, no request beyond the page itself, no script but ours. */
import assert from 'node:assert/strict';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const ARGUMENTS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const LIMIT = 20000; /* milliseconds for anything that a page is waited for */

/* Where Debian, and others, put it. Undefined: it is not here. */
export function findChromium() {
  const places = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome'].filter(Boolean);
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export async function startBrowser() {
  const { chromium } = createRequire(join(process.env.DRIVER, 'package.json'))('playwright-core');
  const work = mkdtempSync(join(tmpdir(), 'pfsim-report.'));
  const context = await chromium.launchPersistentContext(join(work, 'profile'), {
    executablePath: findChromium(), args: ARGUMENTS, headless: true,
    viewport: { width: 1200, height: 900 },
  });
  context.setDefaultTimeout(LIMIT);
  return {
    work, context,
    async stop() {
      await context.close();
      rmSync(work, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/* Opens HTML that lies in `file` (or is written there first) and waits until it is drawn. In
 * milliseconds: `open` from the click to a window full of charts, `took` until those below the
 * window are there too, `cpu` at work in the page's main thread for all of that. */
export async function openPage(browser, { html = null, file = null, url = null, width = 1200,
  dark = false, wait = 'html[data-drawn]', cpu = false } = {}) {
  let place = file;
  if (html !== null) {
    place = join(browser.work, 'page.html');
    writeFileSync(place, html);
  }
  const address = url ?? pathToFileURL(place).href;
  const page = await browser.context.newPage();
  const seen = { errors: [], requests: [] };
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) &&
    !message.text().includes('willReadFrequently') && /* that was pictures(), below */
    seen.errors.push(message.text()));
  page.on('pageerror', (error) => seen.errors.push(error.stack));
  page.on('request', (request) => seen.requests.push(request.url()));
  page.on('dialog', (dialog) => {
    seen.errors.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.setViewportSize({ width, height: 900 });
  await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
  const meter = cpu ? await browser.context.newCDPSession(page) : null;
  await meter?.send('Performance.enable', { timeDomain: 'threadTicks' });
  const began = performance.now();
  await page.goto(address);
  await page.waitForSelector(wait, { state: 'attached' });
  const took = performance.now() - began;
  const worked = (await meter?.send('Performance.getMetrics'))?.metrics
    .find((metric) => metric.name === 'TaskDuration').value;
  const open = await page.evaluate(() => performance.getEntriesByName('open')[0]?.startTime ?? null);
  return { page, seen, address, open, took, cpu: worked === undefined ? null : worked * 1000 };
}

/* What no page may ever do. Closes it. */
export async function closeClean({ page, seen, address }, allowed = () => false) {
  const drawn = await page.getAttribute('html', 'data-drawn');
  await page.close();
  assert.notEqual(drawn, 'failed');
  assert.deepEqual(seen.errors, []);
  assert.deepEqual(seen.requests.filter((request) => request !== address &&
    !request.startsWith('data:') && !request.startsWith('blob:') && !allowed(request)), []);
}

/* Draws the eye to nothing: how many different colours a chart's picture has, and its marks. */
export function pictures(page) {
  return page.evaluate(() => [...document.querySelectorAll('.plot')]
    .filter((plot) => plot.checkVisibility()).map((plot) => {
      const canvas = plot.querySelector('canvas');
      const svg = plot.querySelector('svg');
      const colours = new Set();
      if (canvas !== null) {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        for (let i = 0; i < data.length; i += 4 * 97) {
          colours.add((data[i] << 24) | (data[i + 1] << 16) | (data[i + 2] << 8) | data[i + 3]);
        }
      } else if (svg !== null) {
        for (const path of svg.querySelectorAll('path')) {
          const box = path.getBBox();
          if (box.width > 0 || box.height > 0) {
            colours.add(`${path.getAttribute('fill')} ${path.getAttribute('stroke')}`);
          }
        }
      }
      return { id: plot.id, drawn: plot.dataset.drawn, colours: colours.size,
        kind: canvas !== null ? 'canvas' : svg !== null ? 'svg' : 'nothing' };
    }));
}

/* A quick hand: the mouse comes to a mark of a chart and is pressed within one frame, so that the
 * chart draws what is under the mouse anew while the button is down. */
export async function press(page, mark) {
  const { x, y, width, height } = await mark.boundingBox();
  await Promise.all([page.mouse.move(x + width / 2, y + height / 2), page.mouse.down()]);
  await page.evaluate(() => new Promise((resolve) => {
    requestAnimationFrame(() => requestAnimationFrame(resolve));
  }));
  await page.mouse.up();
}

/* Asks again until it is so. */
export async function until(holds) {
  const end = performance.now() + LIMIT;
  while (!await holds()) {
    assert.ok(performance.now() < end, `not so within ${LIMIT} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
