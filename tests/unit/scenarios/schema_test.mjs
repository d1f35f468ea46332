// Goal: schema.json and the loader say the same of every scenario in the corpus, and of those that ship.
// Method: ajv (JSON Schema 2020-12) against the program `verdict`, file by file. good/ and the shipped ones: both accept;
// bad/: both refuse; bad-loader-only/: what a JSON Schema cannot say, so the loader refuses, whatever ajv says.
// Also: the schema is valid, it accepts its own defaults and examples, and a threshold may name any number of a result.
//
// Usage: node schema_test.mjs VERDICT SOURCE_DIR WORK_DIR (ajv is installed there at the first run).
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [verdict, source, work] = process.argv.slice(2);
const ajvVersion = "8.20.0";

function loadAjv() {
  mkdirSync(work, { recursive: true });
  if (!existsSync(path.join(work, "node_modules/ajv/package.json"))) {
    writeFileSync(path.join(work, "package.json"), JSON.stringify({ private: true }));
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "--silent", `ajv@${ajvVersion}`], { cwd: work, stdio: "inherit", timeout: 120000 });
  }
  return createRequire(path.join(path.resolve(work), "index.js"))("ajv/dist/2020.js").default;
}

const problems = [];
const schema = JSON.parse(readFileSync(path.join(source, "scenarios/schema.json"), "utf8"));
// strictRequired would want `properties` beside each `oneOf: [{ required }]`, strictTypes a `type` in each branch.
const Ajv = loadAjv();
const ajv = new Ajv({ allErrors: true, strict: true, strictRequired: false, strictTypes: false, allowUnionTypes: true });
const validate = ajv.compile(schema);

function list(folder, keep = () => true) {
  return readdirSync(folder).filter((name) => name.endsWith(".json") && keep(name)).sort().map((name) => path.join(folder, name));
}

// JSON.parse keeps the last of duplicate keys and stops at broken text: both are the loader's business.
function schemaVerdict(file) {
  let document;
  try {
    document = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    return { good: false, why: String(error) };
  }
  const good = validate(document);
  return { good, why: good ? "" : ajv.errorsText(validate.errors) };
}

function compare(files, expected, schemaCounts) {
  const lines = execFileSync(verdict, files, { encoding: "utf8", timeout: 120000 }).trim().split("\n");
  if (lines.length !== files.length) {
    problems.push(`${lines.length} verdicts for ${files.length} files`);
  }
  files.forEach((file, i) => {
    if (lines[i] !== `${expected} ${file}`) {
      problems.push(`loader: ${lines[i]}, expected ${expected}`);
    }
    const s = schemaVerdict(file);
    if (schemaCounts && s.good !== (expected === "good")) {
      problems.push(`schema: ${s.good ? "good" : "bad"} ${file}, expected ${expected} ${s.why}`);
    }
  });
  return files.length;
}

// Every default and example must be what its own place in the schema accepts.
function checkValues(node, at) {
  if (node === null || typeof node !== "object") {
    return;
  }
  if (!Array.isArray(node)) {
    const { default: value, examples = [], ...rest } = node;
    if (at !== "" && ("default" in node || "examples" in node)) {
      const check = ajv.compile({ ...rest, $defs: schema.$defs });
      for (const v of "default" in node ? [value, ...examples] : examples) {
        if (!check(v)) {
          problems.push(`schema: ${at}: ${JSON.stringify(v)} is refused by its own rule: ${ajv.errorsText(check.errors)}`);
        }
      }
    }
  }
  for (const [key, child] of Object.entries(node)) {
    if (key !== "default" && key !== "examples") {
      checkValues(child, `${at}/${key}`);
    }
  }
}

// Every number that a result has can be asked for in a threshold.
function checkMetrics() {
  const { $defs } = JSON.parse(readFileSync(path.join(source, "analysis/result.schema.json"), "utf8"));
  const follow = (node) => (node.$ref ? follow($defs[node.$ref.split("/").pop()]) : node);
  const scenario = JSON.parse(readFileSync(path.join(source, "tests/unit/scenarios/corpus/good/minimal.json"), "utf8"));
  scenario.sites[0].name = "s";
  scenario.thresholds = {};
  const collect = (node, at) => {
    for (const [key, child] of Object.entries(follow(node).properties ?? {})) {
      if (key === "shard") {
        continue;
      }
      const types = [follow(child).type].flat();
      // "seed" and its like stand alone, and a shard's numbers are the caller's: they are no measurements
      if (at.includes(".") && (types.includes("number") || types.includes("integer"))) {
        scenario.thresholds[at + key] = ">= 0";
      }
      collect(child, `${at}${key}.`);
    }
  };
  collect($defs.run, "");
  collect($defs.site, "sites[s].");
  const { model, files } = scenario.firmware[0];
  collect($defs.model, `models[${model}].`);
  collect($defs.file, `files[${files[0].name}].`);
  const file = path.join(work, "all-metrics.json");
  writeFileSync(file, JSON.stringify(scenario));
  return compare([file], "good", true) && Object.keys(scenario.thresholds).length;
}

const corpus = path.join(source, "tests/unit/scenarios/corpus");
const shipped = compare(list(path.join(source, "scenarios"), (name) => name !== "schema.json"), "good", true);
const good = compare(list(path.join(corpus, "good")), "good", true);
const bad = compare(list(path.join(corpus, "bad")), "bad", true);
const loaderOnly = compare(list(path.join(corpus, "bad-loader-only")), "bad", false);
checkValues(schema, "");
const metrics = checkMetrics();

if (good < 25 || bad < 60 || shipped < 10 || metrics < 60) {
  problems.push(`the corpus has shrunk: ${good} good, ${bad} bad, ${shipped} shipped, ${metrics} metrics`);
}
for (const problem of problems) {
  console.error(problem);
}
console.log(`${shipped} shipped, ${good} good, ${bad} bad, ${loaderOnly} bad for the loader only, ${metrics} metrics: ${problems.length} disagreements`);
process.exit(problems.length === 0 ? 0 : 1);
