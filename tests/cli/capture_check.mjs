// What a reader of the files for engineers may rely on. node capture_check.mjs KIND FILE [PHONES|cut]
// cut: of one that a full disk ended, what is there is right and the file has an end.
import fs from "node:fs";
import zlib from "node:zlib";

const [kind, file, phones] = process.argv.slice(2);
const isCut = phones === "cut";
let bytes = fs.readFileSync(file);
if (file.endsWith(".gz")) bytes = zlib.gunzipSync(bytes);
let failures = 0;
const check = (ok, what) => {
  if (!ok && failures++ < 5) console.log(`FAILED: ${file}: ${what}`);
};

// Every line an object; the first says what the file is; each instant twice, alike.
function events() {
  const lines = bytes.toString("utf8").split("\n");
  check(lines.pop() === "", "the last line does not end");
  const head = JSON.parse(lines[0]);
  check(head.format === "pfsim events" && head.version === 1, "no header");
  const seen = new Set();
  let last = -1;
  for (const line of lines.slice(1)) {
    const e = JSON.parse(line);
    check(Math.abs(e.at * 1e9 - e.at_ns) < 1e3, `at ${e.at} and at_ns ${e.at_ns}`);
    check(typeof e.kind === "string" && typeof e.site === "string", line);
    check(head.groups > 1 || e.at_ns >= last, `out of order at ${e.at}`);
    last = e.at_ns;
    if (e.kind === "TRANSFER_END") check(e.file && e.from && e.began_ns <= e.at_ns && e.bytes >= 0, line);
    if (e.phone) seen.add(`${e.site} ${e.phone}`);
  }
  check(isCut ? lines.length > 10 : seen.size === head.phones, `${seen.size} of ${head.phones} phones`);
}

// Sorted; slices of a track lie in or behind one another; arrows have both ends on slices; all phones are there.
function trace() {
  const { traceEvents: all, otherData } = JSON.parse(bytes);
  const tracks = new Map(), names = new Map(), arrows = new Map(), sites = new Map(), counters = new Set();
  let last = 0;
  // The Trace Event Format's keys of each phase that is used here; what else stands there has no meaning to a reader.
  const keys = {
    X: ["name", "cat", "ts", "dur", "pid", "tid"], i: ["name", "cat", "ts", "pid", "tid", "s"], C: ["name", "ts", "pid", "args"],
    s: ["name", "cat", "ts", "pid", "tid", "id"], f: ["name", "cat", "ts", "pid", "tid", "id", "bp"], M: ["name", "pid", "tid", "args"],
  };
  check(JSON.parse(bytes).displayTimeUnit === "ms", "no unit");
  for (const e of all) {
    check(keys[e.ph]?.every((k) => k in e), `a key is missing: ${JSON.stringify(e)}`);
    check(Object.keys(e).every((k) => k === "ph" || k === "args" || keys[e.ph]?.includes(k)), `an unknown key: ${JSON.stringify(e)}`);
    check([e.pid, e.tid ?? 0].every((n) => Number.isSafeInteger(n)) && typeof e.name === "string", `wrong types: ${JSON.stringify(e)}`);
    check(e.ph !== "C" || Object.values(e.args).every((n) => Number.isFinite(n)), `a counter that is none: ${JSON.stringify(e)}`);
    const key = `${e.pid}/${e.tid}`;
    if (e.ph === "M") {
      if (e.name === "thread_name") names.set(key, e.args.name);
      if (e.name === "process_name") sites.set(e.pid, e.args.name);
      continue;
    }
    check(e.ts >= last, `out of order at ${e.ts}`);
    last = e.ts;
    if (e.ph === "X") tracks.set(key, [...(tracks.get(key) ?? []), e]);
    else if (e.ph === "s" || e.ph === "f") arrows.set(e.id, [...(arrows.get(e.id) ?? []), e]);
    else if (e.ph === "C") counters.add(e.name);
    else check(e.ph === "i" && (e.s === "t" || e.s === "p"), `unknown event ${e.ph}`);
    check(sites.has(e.pid), `no name for process ${e.pid}`);
  }
  const grain = 0.0005; // µs: instants have three decimals
  for (const [key, slices] of tracks) {
    const open = [];
    check(names.has(key), `no name for track ${key}`);
    for (const e of slices) {
      while (open.length && open.at(-1) <= e.ts + grain) open.pop();
      check(e.dur >= 0 && (!open.length || e.ts + e.dur <= open.at(-1) + grain), `overlap on ${key} at ${e.ts}`);
      open.push(e.ts + e.dur);
    }
  }
  for (const [id, ends] of arrows) {
    if (isCut && ends.length === 1) continue;
    check(ends.length === 2 && ends[0].ph === "s" && ends[1].ph === "f" && ends[1].bp === "e", `arrow ${id}`);
    for (const end of ends) {
      const under = isCut || (tracks.get(`${end.pid}/${end.tid}`) ?? []).some((e) => e.ts <= end.ts + grain && end.ts <= e.ts + e.dur + grain);
      check(under, `arrow ${id} ends on nothing`);
    }
  }
  if (isCut) return check(all.length > 10, `${all.length} events`);
  check(otherData.phones_shown === names.size && names.size === Number(phones), `${names.size} tracks`);
  check(tracks.size === names.size, `${tracks.size} tracks have slices`);
  check(counters.has("WAN down") && counters.has("phones done"), `counters ${[...counters]}`);
}

// Blocks have the same length at both ends and make up the file; instants never go back; frames fit their blocks.
function pcap() {
  let at = 0, last = 0n, interfaces = 0, packets = 0;
  check(bytes.readUInt32LE(0) === 0x0a0d0d0a && bytes.readUInt32LE(8) === 0x1a2b3c4d, "no section header");
  while (at < bytes.length) {
    const type = bytes.readUInt32LE(at), len = bytes.readUInt32LE(at + 4);
    check(len % 4 === 0 && len >= 12 && at + len <= bytes.length, `block of ${len} bytes at ${at}`);
    if (failures) break;
    check(bytes.readUInt32LE(at + len - 4) === len, `lengths differ at ${at}`);
    if (type === 1) {
      check(bytes.readUInt16LE(at + 8) === 1, "not Ethernet");
      interfaces++;
    } else if (type === 6) {
      const when = (BigInt(bytes.readUInt32LE(at + 12)) << 32n) | BigInt(bytes.readUInt32LE(at + 16));
      const captured = bytes.readUInt32LE(at + 20), original = bytes.readUInt32LE(at + 24);
      check(when >= last, `out of order at ${when} ns`);
      check(bytes.readUInt32LE(at + 8) < interfaces, "an interface that is not there");
      check(captured <= original && len === 32 + Math.ceil(captured / 4) * 4, `captured ${captured} of ${original}`);
      last = when;
      packets++;
    } else check(at === 0, `block type ${type}`);
    at += len;
  }
  check(at === bytes.length && packets > 0 && (isCut || interfaces === Number(phones)), `${packets} packets, ${interfaces} interfaces`);
}

({ events, trace, pcap })[kind]();
process.exit(failures > 0 ? 1 : 0);
