// A real Chromium for tests written in Perl (Meetlink::Browser): one JSON command a line comes in, one JSON answer a line goes out.
// Selectors are Playwright's, and so reach into open shadow roots. Whatever the page complains of is kept as a problem.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const timeout = 20_000;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  // the tests may run in a container, where Chromium's own sandbox cannot be set up; the pages are ours
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});
const pages = new Map();
const problems = [];

const commands = {
  async open({ page: name, url, width = 1280, height = 900, scheme = 'light' }) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, locale: 'en-GB', timezoneId: 'UTC' });
    const page = await context.newPage();
    pages.set(name, page);
    page.setDefaultTimeout(timeout);
    page.on('pageerror', (error) => problems.push(`${name}: ${error.message}`));
    page.on('console', (message) => {
      // answers that say no are part of the tests; the browser tells of each
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) problems.push(`${name}: ${message.text()}`);
    });
    await page.addInitScript(() => addEventListener('securitypolicyviolation', (event) =>
      console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`)));
    const answer = await page.goto(url);
    return answer.status();
  },
  async text({ page, selector }) {
    return (await pages.get(page).locator(selector).allInnerTexts()).join('\n');
  },
  async wait({ page, selector, text }) {
    await pages.get(page).locator(selector, text ? { hasText: new RegExp(text) } : {}).first().waitFor();
    return true;
  },
  async count({ page, selector }) {
    return pages.get(page).locator(selector).count();
  },
  async attribute({ page, selector, name }) {
    return pages.get(page).locator(selector).first().getAttribute(name);
  },
  async click({ page, selector }) {
    await pages.get(page).locator(selector).first().click();
    return true;
  },
  async press({ page, key }) {
    await pages.get(page).keyboard.press(key);
    return true;
  },
  async evaluate({ page, script }) {
    return pages.get(page).evaluate(script);
  },
  async resize({ page, width, height = 900, scheme }) {
    await pages.get(page).setViewportSize({ width, height });
    if (scheme) await pages.get(page).emulateMedia({ colorScheme: scheme });
    return true;
  },
  async screenshot({ page, path }) {
    await pages.get(page).screenshot({ path, fullPage: true });
    return true;
  },
  // What axe-core calls serious or critical.
  async axe({ page }) {
    await pages.get(page).evaluate(axe);
    const { violations } = await pages.get(page).evaluate('axe.run()');
    return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
      .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`);
  },
  async close({ page }) {
    await pages.get(page).context().close();
    pages.delete(page);
    return true;
  },
  async problems() {
    return problems.splice(0);
  },
};

process.stdout.write('"ready"\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...options } = JSON.parse(line);
  let answer;
  try {
    answer = { result: await commands[command](options) };
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
