// Uses the HTML report as a person does. Arguments: the browser, the page, and a folder for pictures (optional).

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [executablePath, file, pictures] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

// A page that asks for anything from the network, or whose script fails, is broken.
async function open(path, options = {}) {
  const page = await (await browser.newContext(options)).newPage();
  page.on("pageerror", error => assert.fail(`the script fails: ${error}`));
  page.on("request", request => assert.ok(/^(file|data):/.test(request.url()), `it asks for ${request.url()}`));
  page.on("dialog", () => assert.fail("text of the cluster has opened a dialog"));
  await page.goto(pathToFileURL(path).href);
  return page;
}

async function picture(page, name) {
  if (pictures) await page.screenshot({ path: join(pictures, name + ".png") });
}

async function accessible(page, state) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const grave = violations.filter(rule => ["serious", "critical"].includes(rule.impact));
  const told = grave.map(rule => `${rule.id}: ${rule.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(" | ")}`);
  assert.deepEqual(told, [], `axe on the page ${state}`);
}

const visible = page => page.locator("#axis .row:not(.ticks):visible");

async function filter(page) {
  const all = await visible(page).count();
  assert.ok(all > 3, `${all} rows`);
  const name = await page.locator("#workloads button").first().textContent();
  await page.keyboard.press("/");
  await page.keyboard.type(name.toLowerCase());
  const some = await visible(page).count();
  assert.ok(some > 0 && some < all, `${some} of ${all} rows for ${name}`);
  assert.match(await page.locator("#count").textContent(), new RegExp(`^${some} rows`));
  await page.locator("#filter").fill("no such thing");
  assert.equal(await visible(page).count(), 0);
  await page.locator("#filter").fill("");
  await page.locator("#problems").click();
  assert.ok(await visible(page).count() < all);
  await page.locator("#problems").click();
  assert.equal(await visible(page).count(), all);
}

// Whoever opens the page of a failure wants to know why, and what to do.
async function causes(page) {
  const failed = await page.locator('[data-state="bad"]').count();
  const cards = page.locator(".cause-card");
  assert.equal(await cards.count() > 0, failed > 0, "a failure has a card");
  if (failed) assert.match(await cards.first().textContent(), /Next\s*kubectl/);
}

async function details(page) {
  const bar = page.locator("#axis .d1 .bar").first();
  await bar.focus();
  await page.keyboard.press("Enter");
  const dialog = page.locator("#detail");
  assert.ok(await dialog.isVisible(), "a bar opens its details");
  assert.match(await dialog.textContent(), /Events/);
  assert.match(await dialog.textContent(), /Container /);
  await accessible(page, "with details");
  await picture(page, "details");
  await page.keyboard.press("Escape");
  assert.ok(!await dialog.isVisible(), "Esc closes the details");
  const link = page.locator("#workloads button").first();
  await link.click();
  assert.equal(await page.locator("#detail-title").textContent(), await link.textContent());
  await page.locator("#detail .close").click();
}

const paper = page => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

async function themes(page) {
  const light = await paper(page);
  await page.locator("#theme").click();
  const dark = await paper(page);
  assert.notEqual(dark, light);
  await accessible(page, "in the dark");
  await picture(page, "dark");
  await page.emulateMedia({ media: "print" });
  assert.equal(await paper(page), "rgb(255, 255, 255)", "paper is white");
  assert.ok(!await page.locator("#filter").isVisible(), "a printed page has no controls");
  await page.emulateMedia({ media: "screen" });
}

// A hundred pods with a thousand events each side by side: a page as large as reports become.
function large(path) {
  const text = readFileSync(path, "utf8");
  const mark = '<script type="application/json" id="data">';
  const [start, end] = [text.indexOf(mark) + mark.length, text.indexOf("</script>", text.indexOf(mark))];
  const data = JSON.parse(text.slice(start, end));
  const pods = Array.from({ length: 100 }, (_, n) => ({ ...data.pods[n % data.pods.length], name: `many-${n}` }));
  const moments = Array.from({ length: 100_000 }, (_, n) =>
    [n, n % 3 ? "info" : "warning", "event", `Pod/many-${n % 100}`, data.pods[0].ns, "Unhealthy", "</script><img src=x onerror=alert(1)>"]);
  const more = { ...data, pods, moments: { list: moments, leftOut: 0 } };
  const made = file + ".large.html";
  writeFileSync(made, text.slice(0, start) + JSON.stringify(more).replaceAll("<", "\\u003c") + text.slice(end));
  return made;
}

const page = await open(file, { viewport: { width: 1280, height: 900 }, colorScheme: "light" });
await accessible(page, "as it opens");
await causes(page);
await filter(page);
await details(page);
await themes(page);
for (const width of [390, 800, 1600]) {
  const at = await open(file, { viewport: { width, height: 900 }, colorScheme: "light" });
  await picture(at, `light-${width}`);
  const wide = await at.evaluate(() => [...document.querySelectorAll("body *")]
    .filter(node => node.getBoundingClientRect().right > innerWidth + 1 && !node.closest("pre, .track"))
    .map(node => `${node.tagName} ${node.className} ${node.textContent.slice(0, 40)}`));
  assert.deepEqual(wide, [], `something is cut off at a width of ${width}`);
  await accessible(at, `at a width of ${width}`);
}
const many = await open(large(file));
assert.equal(await many.locator("#axis .d1").count(), 100);
assert.equal(await many.locator("#events img").count(), 0, "text of the cluster is no markup");
const took = await many.evaluate(() => Math.round(performance.getEntriesByType("navigation")[0].domComplete));
console.log(`the page can be used; 100 pods with 100,000 events are complete after ${took} ms`);
await browser.close();
