// Is what pfsim writes what README.md says? node documented.mjs README.md tables DIR | events TRACE.H FILE...
import fs from "node:fs";
import path from "node:path";

const [readme, kind, ...files] = process.argv.slice(2);
const lines = fs.readFileSync(readme, "utf8").split("\n");
let failures = 0;
const check = (ok, what) => {
  if (!ok) failures++, console.log(`FAILED: ${what}`);
};
const quoted = (text) => [...text.matchAll(/`([^`]+)`/g)].map((m) => m[1]);

// The rows of the table whose first line begins so, as cells.
function table(start) {
  const at = lines.findIndex((line, i) => line.startsWith(start) && lines[i + 1]?.startsWith("|---"));
  check(at >= 0, `README.md has no table "${start}"`);
  const rows = [];
  for (let i = at + 2; at >= 0 && lines[i].startsWith("|"); i++) rows.push(lines[i].split("|").slice(1, -1));
  return rows;
}

// Every column of a file stands in README's table for it, and nothing else does. "`a` ... `b`": these and all between.
function columns(file) {
  const head = fs.readFileSync(file, "utf8").split("\n")[0].split(",");
  const name = path.basename(file);
  const told = new Set();
  for (const [cell] of table(`| \`${name}\` |`)) {
    for (const column of quoted(cell)) {
      told.add(column);
      check(head.includes(column), `${name} has no column ${column}`);
    }
    for (const [, from, to] of cell.matchAll(/`([^`]+)` \.\.\. `([^`]+)`/g))
      head.slice(head.indexOf(from), head.indexOf(to) + 1).forEach((column) => told.add(column));
  }
  for (const column of head) check(told.has(column), `README.md does not say what ${column} of ${name} is`);
}

// Every kind of record of sim/trace.h has a row, and every key of every line stands in its row.
function events(header, ...all) {
  const kinds = new Map();
  for (const [names, fields] of table("| `kind` | fields |")) for (const k of quoted(names)) kinds.set(k, new Set(quoted(fields)));
  const list = fs.readFileSync(header, "utf8").match(/#define SIM_RECORD_KINDS\(X\)([\s\S]*?)\n\n/)[1];
  const known = [...list.matchAll(/X\((\w+)\)/g)].map((m) => m[1]);
  check(known.length > 10, `${header} names ${known.length} kinds`);
  for (const k of known) check(kinds.has(k), `README.md does not say what a ${k} is`);
  for (const k of kinds.keys()) check(known.includes(k), `there is no record ${k}`);
  const seen = new Set();
  for (const file of all) {
    for (const line of fs.readFileSync(file, "utf8").split("\n").slice(1, -1)) {
      const { at, at_ns, phone, site, kind: k, ...rest } = JSON.parse(line);
      for (const key of Object.keys(rest)) {
        if (seen.has(`${k} ${key}`)) continue;
        seen.add(`${k} ${key}`);
        check(kinds.get(k)?.has(key), `README.md does not name ${key} of ${k}: ${line}`);
      }
    }
  }
}

if (kind === "tables") {
  for (const file of fs.readdirSync(files[0]).filter((f) => f.endsWith(".csv"))) columns(path.join(files[0], file));
} else events(...files);
process.exit(failures > 0 ? 1 : 0);
