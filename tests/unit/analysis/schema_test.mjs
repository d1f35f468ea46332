// Goal: every document that pfsim writes follows the schema that pfsim prints, and the schema refuses what is wrong.
// Method: ajv (JSON Schema 2020-12) on documents of scripted runs: good, failing, invalid, unfinished, compared; then each
// top-level key of a good document is taken away and must be missed. Plans of the program itself, against theirs.
//
// Usage: node schema_test.mjs PROGRAM SOURCE_DIR WORK_DIR PFSIM (ajv is installed there at the first run).
import { spawnSync, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [program, source, work, real] = process.argv.slice(2);
const ajvVersion = "8.20.0";

function loadAjv() {
  mkdirSync(work, { recursive: true });
  if (!existsSync(path.join(work, "node_modules/ajv/package.json"))) {
    writeFileSync(path.join(work, "package.json"), JSON.stringify({ private: true }));
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "--silent", `ajv@${ajvVersion}`], { cwd: work, stdio: "inherit", timeout: 120000 });
  }
  return createRequire(path.join(path.resolve(work), "index.js"))("ajv/dist/2020.js").default;
}

function pfsim(args, environment = {}, which = program) {
  const run = spawnSync(which, args, { encoding: "utf8", timeout: 60000, env: { ...process.env, ...environment } });
  return { status: run.status, text: run.stdout };
}

const Ajv = loadAjv();
const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true });
const validate = ajv.compile(JSON.parse(pfsim(["schema", "result"]).text));
const problems = [];
const demo = path.join(source, "scenarios/demo.json");
const sites = path.join(source, "scenarios/three-sites.json");
const cases = [
  ["good", 0, ["run", demo]],
  ["traditional", 0, ["run", demo, "--method", "traditional"]],
  ["a seed over 2^53", 0, ["run", demo, "--seed", "18446744073709551615"]],
  ["no line", 0, ["run", demo, "--set", "sites[0].wan=none"]],
  ["three sites", 0, ["run", sites]],
  ["failures", 1, ["run", sites], { FAKE_FAIL_EVERY: "3" }],
  ["nobody upgraded", 1, ["run", demo], { FAKE_FAIL_EVERY: "1" }],
  ["unfinished", 1, ["run", demo], { FAKE_UNFINISHED: "1" }],
  ["invalid", 4, ["run", demo], { FAKE_INVALID: "1" }],
  ["compared", 0, ["compare", demo]],
  ["nobody to compare", 1, ["compare", demo], { FAKE_FAIL_EVERY: "1" }],
];
function check(name, follows, status, run) {
  if (run.status !== status) {
    problems.push(`${name}: status ${run.status}, expected ${status}`);
  }
  try {
    const document = JSON.parse(run.text);
    if (!follows(document)) {
      problems.push(`${name}: ${ajv.errorsText(follows.errors)}`);
    }
    return document;
  } catch (error) {
    problems.push(`${name}: ${error}`);
    return {};
  }
}
for (const [name, status, args, environment] of cases) {
  check(name, validate, status, pfsim([...args, "--json", "--quiet"], environment));
}

const isPlan = ajv.compile(JSON.parse(pfsim(["schema", "plan"]).text));
const planned = path.join(work, "planned.json");
writeFileSync(
  planned,
  JSON.stringify({
    name: "one branch",
    method: "traditional",
    firmware: [{ model: "A", load: "a", files: [{ name: "f", size: "100 KB" }] }],
    server: { protocol: "tftp" },
    sites: [
      { name: "branch", count: 2, wan: { rate: "200 kbit/s", rtt: "20 ms" }, phones: [{ system: "bare", count: 8 }] },
      { name: "near", wan: "none", phones: [{ system: "bare", count: 2 }] },
    ],
    start: { spread: "1 s" },
    pfs: { root_wait: "1 s" },
  }),
);
const plans = [
  ["fits", 0, ["--finish-by", "10 min"]],
  ["needs PFS", 0, ["--finish-by", "20 s"]],
  ["needs a load server", 0, ["--finish-by", "3 s"]],
  ["none", 1, ["--finish-by", "1 ms", "--methods", "pfs"]],
  ["limits a line", 0, ["--finish-by", "10 min", "--wan-share", "0.5"]],
  ["totals", 0, ["--set", 'thresholds={"wan.payload_bytes":"< 1 MB","server.peak_transfers":"<= 12"}']],
  ["a server that is full", 0, ["--finish-by", "10 min", "--set", "server.max_transfers=1", "--set", "server.retries=0"]],
  ["a seed over 2^53", 0, ["--finish-by", "20 s", "--set", 'seed="18446744073709551614"']],
];
for (const [name, status, args] of plans) {
  const plan = check(`plan, ${name}`, isPlan, status, pfsim(["plan", planned, "--json", "--quiet", "--seeds", "2", ...args], {}, real));
  for (const key of Object.keys(plan)) {
    const { [key]: _, ...rest } = plan;
    if (isPlan(rest)) {
      problems.push(`the schema of a plan does not miss ${key}`);
    }
  }
}
const good = JSON.parse(pfsim(["run", demo, "--json", "--quiet"]).text);
const optional = ["interrupted", "sites_summary"]; // earlier results have none
for (const key of Object.keys(good).filter((key) => !optional.includes(key))) {
  const { [key]: _, ...rest } = good;
  if (validate(rest)) {
    problems.push(`the schema does not miss ${key}`);
  }
}
if (validate({ ...good, phones: { ...good.phones, failed: -1 } })) {
  problems.push("the schema accepts -1 failed phones");
}
problems.forEach((problem) => console.error(problem));
console.log(problems.length === 0 ? `${cases.length} documents and ${plans.length} plans follow their schemas` : "FAILED");
process.exit(problems.length === 0 ? 0 : 1);
