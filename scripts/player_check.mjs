// Plays a page of write_html in headless Chromium and measures it: sound against animation, frames a
// second, what happens without WebGL2 and on a phone. A development tool; users need none of it.
//
//   npm install --prefix DIR playwright-core
//   node scripts/player_check.mjs talk.html --playwright DIR [--out FOLDER] [--seconds 12]
//        [--chromium /usr/bin/chromium] [--views front,face] [--at 1,5.2] [--size 1280x800] [--ratio 1]
//        [--phone] [--no-webgl] [--gl swiftshader]
//
// Prints one JSON object; ends with status 1 when the animation is more than a frame from the sound.
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    playwright: { type: "string", default: process.env.PLAYWRIGHT_DIR ?? "." },
    chromium: { type: "string", default: process.env.CHROMIUM ?? "/usr/bin/chromium" },
    out: { type: "string" },
    seconds: { type: "string", default: "12" },
    views: { type: "string", default: "" },
    at: { type: "string", default: "" },
    size: { type: "string", default: "1280x800" },
    ratio: { type: "string", default: "1" },
    gl: { type: "string", default: "swiftshader" },
    phone: { type: "boolean", default: false },
    "no-webgl": { type: "boolean", default: false },
  },
});
const [file] = positionals;
if (!file) {
  process.stderr.write("give the HTML file to check\n");
  process.exit(2);
}
const require = createRequire(path.resolve(options.playwright, "package.json"));
const { chromium } = require("playwright-core");

const browser = await chromium.launch({
  executablePath: options.chromium,
  args: [
    "--no-sandbox", "--no-first-run", "--disable-quic", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
    ...(options["no-webgl"] ? ["--disable-3d-apis"] : ["--use-angle=" + options.gl, "--enable-unsafe-swiftshader"]),
  ],
});
const [width, height] = options.phone ? [390, 844] : options.size.split("x").map(Number);
const context = await browser.newContext({
  viewport: { width, height },
  deviceScaleFactor: options.phone ? 2 : Number(options.ratio),
  hasTouch: options.phone,
  isMobile: options.phone,
});
const page = await context.newPage();
page.setDefaultTimeout(180000); // a processor that draws, shared with others
const problems = [];
const requests = [];
page.on("pageerror", (error) => problems.push(String(error)));
page.on("console", (line) => ["error", "warning"].includes(line.type()) && problems.push(line.text()));
page.on("request", (request) => /^(https?|wss?|ftp):/.test(request.url()) && requests.push(request.url()));

const opened = Date.now();
await page.goto(pathToFileURL(path.resolve(file)).href);
let up = false;
while (!up && !problems.length && Date.now() - opened < 180000) {
  up = await page.evaluate(() => window.cospeech !== undefined);
  await page.waitForTimeout(20);
}
const loadMs = Date.now() - opened;
const result = { file: path.basename(file), loadMs, problems, requests };
let failed = false;

const shoot = async (name) => {
  if (!options.out) return;
  mkdirSync(options.out, { recursive: true });
  await page.screenshot({ path: path.join(options.out, `${name}.png`) });
};

const ready = await page.evaluate(() => window.cospeech?.ready || window.cospeech?.error || "the page did not start");
if (ready !== true) {
  result.error = ready;
  failed = true;
} else {
  Object.assign(result, await page.evaluate(() => {
    const { duration, frames, fps, renderer, reason } = window.cospeech;
    return { duration, frames, fps, renderer, reason };
  }));
  await page.waitForTimeout(300);
  await shoot("start");
  const seconds = Math.min(Number(options.seconds), result.duration - 0.5);
  if (seconds > 0) {
    await page.click("#bigPlay");
    // Every frame that is drawn is compared with the sound as it stood at that moment.
    result.play = await page.evaluate(async (seconds) => {
      const rows = [];
      const start = performance.now();
      await new Promise((done) => {
        const look = () => {
          const { drawn } = window.cospeech;
          if (drawn.at !== rows[rows.length - 1]?.at) rows.push({ ...drawn });
          if (performance.now() - start < seconds * 1000) requestAnimationFrame(look);
          else done();
        };
        requestAnimationFrame(look);
      });
      const { fps, frameMs, renderScale } = window.cospeech;
      const later = rows.filter((row) => row.at - rows[0].at > 500 && row.audioTime !== null);
      const late = later.filter((row) => row.time > Math.min(10, seconds * 0.8));
      const frames = (some) => some.map((row) => Math.abs(row.time - row.audioTime) * fps).sort((a, b) => a - b);
      const at = (sorted, share) => Number((sorted[Math.floor(share * (sorted.length - 1))] ?? NaN).toFixed(3));
      const steps = rows.slice(1).map((row, i) => row.time - rows[i].time);
      return {
        played: rows[rows.length - 1].time,
        drawnPerSecond: Number((rows.length / seconds).toFixed(1)),
        backwards: steps.filter((step) => step < 0).length,
        framesFromSound: { median: at(frames(later), 0.5), p95: at(frames(later), 0.95), most: at(frames(later), 1) },
        framesFromSoundAfter10s: { median: at(frames(late), 0.5), most: at(frames(late), 1) },
        frameMs, renderScale,
      };
    }, seconds);
    await shoot("playing");
    await page.keyboard.press("k");
    const { most } = result.play.framesFromSoundAfter10s;
    if (most > 1) failed = true;
  }
  await page.evaluate(() => window.cospeech.setQuality(0, 1)); // stills as a graphics card draws them
  for (const moment of options.at.split(",").filter(Boolean)) {
    await page.evaluate((t) => window.cospeech.drawAt(t), Number(moment));
    for (const view of options.views.split(",").filter(Boolean).concat(options.views ? [] : ["front"])) {
      await page.evaluate((name) => window.cospeech.view(name), view);
      await page.waitForTimeout(900);
      await shoot(`${view}-${moment}`);
    }
  }
}
if (requests.length || problems.some((line) => !/GPU stall|WebGL|swiftshader/i.test(line))) failed = true;
await browser.close();
process.stdout.write(`${JSON.stringify(result, null, 1)}\n`);
process.exitCode = failed ? 1 : 0;
