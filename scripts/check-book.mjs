// What scripts/check-book.sh runs: every page of the built book, in Chromium, over loopback.
// node check-book.mjs BUILT-BOOK FOLDER-WITH-node_modules CHROMIUM
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

const [book, modules, executablePath] = process.argv.slice(2).map((it) => path.resolve(it));
const require = createRequire(path.join(modules, 'package.json'));
const { chromium } = require('playwright-core');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const KINDS = {
  '.css': 'text/css', '.html': 'text/html', '.js': 'text/javascript', '.svg': 'image/svg+xml',
};
const problems = [];

/** The book on loopback; whatever is asked for and not there is a problem. */
function serve() {
  const server = http.createServer((request, response) => {
    const file = path.join(book, decodeURIComponent(new URL(request.url, 'http://x').pathname));
    if (!file.startsWith(book) || !fs.existsSync(file) || fs.statSync(file).isDirectory()) {
      problems.push(`${request.headers.referer ?? ''} asks for ${request.url}, which is not there`);
      response.writeHead(404).end();
      return;
    }
    const type = KINDS[path.extname(file)] ?? 'application/octet-stream';
    response.writeHead(200, { 'content-type': type }).end(fs.readFileSync(file));
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}

function pages(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) return pages(name);
    return /\.html$/.test(name) && !/(^|\/)(print|toc|404)\.html$/.test(name) ? [name] : [];
  }).sort();
}

const contexts = new Map();

/** A page of a width and theme; pages of one view share what they have loaded. */
async function open(browser, url, { width = 1200, theme = 'light' } = {}) {
  const view = `${width} ${theme}`;
  if (!contexts.has(view)) {
    const context = await browser.newContext({ viewport: { width, height: 900 } });
    await context.addInitScript((it) => localStorage.setItem('mdbook-theme', it), theme);
    contexts.set(view, context);
  }
  const page = await contexts.get(view).newPage();
  await page.goto(url, { waitUntil: 'load' });
  return page;
}

async function accessible(page, where) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
  }));
  for (const it of found.violations) {
    const nodes = it.nodes.slice(0, 2).map((node) => node.html.slice(0, 120)).join(' | ');
    problems.push(`${where}: axe ${it.id} (${it.nodes.length} times): ${it.help}: ${nodes}`);
  }
}

async function fits(page, where) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) problems.push(`${where}: ${wide} pixels wider than the screen`);
}

const ids = new Map();
function hasId(file, id) {
  if (!ids.has(file)) {
    const text = fs.readFileSync(file, 'utf8');
    ids.set(file, new Set([...text.matchAll(/\sid="([^"]*)"/g)].map((it) => it[1])));
  }
  return ids.get(file).has(id);
}

async function links(page, base, where) {
  const hrefs = await page.$$eval('a[href]', (all) => all.map((it) => it.href));
  for (const href of new Set(hrefs)) {
    if (!href.startsWith(base)) continue;
    const url = new URL(href);
    const file = path.join(book, decodeURIComponent(url.pathname.replace(/\/$/, '/index.html')));
    if (!fs.existsSync(file)) problems.push(`${where}: dead link ${href}`);
    else if (url.hash && !hasId(file, decodeURIComponent(url.hash.slice(1)))) {
      problems.push(`${where}: dead anchor ${href}`);
    }
  }
}

async function searches(browser, base) {
  const page = await open(browser, `${base}/index.html`);
  await page.keyboard.press('s');
  await page.waitForSelector('#mdbook-searchbar, #searchbar', { state: 'visible' });
  await page.keyboard.type('ephemeral', { delay: 20 });
  const results = '#mdbook-searchresults li, #searchresults li';
  const found = await page.waitForSelector(results, { timeout: 60000 }).catch(() => null);
  if (!found) problems.push('search: nothing found for `ephemeral`');
  await page.close();
}

/** Quizzes are open on paper, and a cheat sheet is one page. */
async function prints(browser, base, names) {
  for (const name of names) {
    const page = await open(browser, `${base}/${name}`, { theme: 'navy' });
    await page.emulateMedia({ media: 'print' });
    const hidden = await page.$$eval('.wl-quiz details > :not(summary)', (all) => all
      .filter((it) => it.getBoundingClientRect().height === 0).length);
    if (hidden) problems.push(`${name}: ${hidden} explanations are not printed`);
    if (/sheets\//.test(name)) {
      const pdf = await page.pdf({ preferCSSPageSize: true });
      const count = pdf.toString('latin1').match(/\/Type\s*\/Page[^s]/g)?.length;
      if (count !== 1) problems.push(`${name}: ${count} printed pages`);
    }
    await page.close();
  }
}

const server = await serve();
const base = `http://127.0.0.1:${server.address().port}`;
const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
const browser = await chromium.launch({ executablePath, args });
const names = pages(book).map((file) => path.relative(book, file));
const everywhere = [[1200, 'light'], [360, 'navy']];
const themes = ['rust', 'coal', 'ayu'].map((theme) => [1200, theme]);
for (const name of names) {
  const inEachTheme = /nacl-ephemeral|platform|quizzes.flow-logs|myths/.test(name);
  for (const [width, theme] of inEachTheme ? [...everywhere, ...themes] : everywhere) {
    const page = await open(browser, `${base}/${name}`, { width, theme });
    const where = `${name} (${width}, ${theme})`;
    await accessible(page, where);
    await fits(page, where);
    if (theme === 'light') await links(page, base, name);
    await page.close();
  }
}
await searches(browser, base);
await prints(browser, base, names.filter((it) => /quizzes\/|sheets\//.test(it)));
await browser.close();
server.close();
console.log(problems.join('\n'));
console.log(`book check: ${names.length} pages, ${problems.length} problems`);
process.exit(problems.length ? 1 : 0);
