// tests/twins/judge.js NAME exact|spread DIR -- holds the results live.SEED.json in DIR against fluid.SEED.json and
// packet.SEED.json, prints a table, exits 1 when a bar is missed.
//
// exact: one run of each world with the same seed. Payload, depth and the root of every tree are equal; the median and
//   the last completion differ by 5 % at most.
// spread, several live runs: medians. Payload within 2 %, depth within 1, times within max(5 %, 2.5 standard errors).
// spread, one live run: it lies where another virtual run might. Payload and depth lie in the range of the virtual runs
//   widened by 2 % and by 1; times within max(5 %, 2.5 standard errors), where the live run spreads as those of the
//   packet network do: its line is that machine.
// A fluid run that prints a caution says itself that it is off: shown, not judged.
"use strict";
const fs = require("fs"), path = require("path");
const [name, kind, dir] = process.argv.slice(2);
const TIME = 0.05, PAYLOAD = 0.02, ERRORS = 2.5;

const read = (world) => fs.readdirSync(dir).filter((f) => f.startsWith(world + ".")).sort()
  .map((f) => JSON.parse(fs.readFileSync(path.join(dir, f))));
const sorted = (a) => [...a].sort((x, y) => x - y);
const median = (a) => { const s = sorted(a), h = s.length >> 1; return s.length % 2 ? s[h] : (s[h - 1] + s[h]) / 2; };
const variance = (a) => {
  const mean = a.reduce((x, y) => x + y, 0) / a.length;
  return a.length < 2 ? 0 : a.reduce((x, y) => x + (y - mean) ** 2, 0) / (a.length - 1);
};

const figures = [
  { title: "payload, bytes", of: (d) => d.wan.payload_bytes, share: PAYLOAD },
  { title: "depth", of: (d) => d.trees_summary.depth_max, step: 1 },
  { title: "median, s", of: (d) => d.completion_s.p50, time: true },
  { title: "last, s", of: (d) => d.completion_s.last, time: true },
];

// { met, error (text), bar (text) } of one figure of a model against the live runs; `packet`: that network's runs.
function judge(figure, live, model, packet) {
  const l = median(live), m = median(model), off = Math.abs(m - l);
  const percent = (x) => (100 * x).toFixed(1) + " %";
  const error = figure.step ? String(m - l) : percent(l === 0 ? (m === 0 ? 0 : 1) : (m - l) / l);
  if (figure.time) {
    const single = live.length === 1;
    const se = kind === "exact" ? 0
      : Math.sqrt((single ? variance(packet) : variance(live) / live.length) + variance(model) / model.length);
    const bar = Math.max(TIME * l, ERRORS * se);
    return { met: off <= bar, error, bar: percent(bar / l) };
  }
  if (kind === "exact")
    return { met: off === 0, error, bar: "equal" };
  const room = figure.step || figure.share * l;
  const low = live.length === 1 ? Math.min(...model) : m, high = live.length === 1 ? Math.max(...model) : m;
  return { met: l >= low - room && l <= high + room, error, bar: figure.step ? "1" : percent(figure.share) };
}

// Who led which tree: equal draws make equal roots.
const roots = (d) => d.trees.map((t) => `${t.site} ${t.model} ${t.file} ${t.root}`).sort();

const live = read("live"), models = { fluid: read("fluid"), packet: read("packet") };
const worlds = [live, models.fluid, models.packet];
// Those of the fluid network alone: others are about the method or the run.
const cautions = [...new Set(models.fluid.flatMap((d, i) =>
  d.caution.filter((c) => !models.packet[i].caution.includes(c))))];
const cautious = cautions.length > 0;
let missed = false;
const rows = [["figure", "live", "fluid", "packet", "error fluid", "error packet", "bar fluid", "bar packet", "met"]];
for (const figure of figures) {
  const values = worlds.map((w) => w.map(figure.of));
  const [fluid, packet] = [1, 2].map((i) => judge(figure, values[0], values[i], values[2]));
  const met = packet.met && (cautious || fluid.met);
  missed ||= !met;
  const show = (a) => (figure.time ? median(a).toFixed(2) : String(Math.round(median(a))));
  rows.push([figure.title, ...values.map(show), fluid.error, packet.error, cautious ? "caution" : fluid.bar,
    packet.bar, met ? "yes" : "NO"]);
}
if (kind === "exact") {
  const all = worlds.map((w) => roots(w[0]));
  const same = (a) => a.filter((r) => all[0].includes(r)).length;
  const met = same(all[2]) === all[0].length && (cautious || same(all[1]) === all[0].length);
  missed ||= !met;
  rows.push(["same roots", String(all[0].length), String(same(all[1])), String(same(all[2])), "", "", "equal", "equal",
    met ? "yes" : "NO"]);
}
const width = rows[0].map((_, i) => Math.max(...rows.map((r) => r[i].length)));
console.log(`${name}: ${live.length} live, ${models.fluid.length} virtual of each network; loop lag p99 at most ` +
  `${(1000 * Math.max(...live.map((d) => d.validity.loop_lag_p99_s))).toFixed(1)} ms`);
for (const r of rows)
  console.log("  " + r.map((x, i) => (i === 0 ? x.padEnd(width[i]) : x.padStart(width[i]))).join("  "));
for (const text of cautions)
  console.log("  caution: " + text);
process.exit(missed ? 1 : 0);
