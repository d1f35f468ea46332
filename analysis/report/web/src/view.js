/* view.js -- reads a view (analysis/report/view.h) and makes sure of its shape, so that nobody
 * else has to: lists are there, of equal lengths, and what a chart takes for a number is one. */

const FORMAT = 1;

const list = (value) => (Array.isArray(value) ? value : []);
const number = (value) => (typeof value === 'number' && Number.isFinite(value) ? value : null);
const numbers = (value) => list(value).map(number);
const text = (value) => (value == null ? '' : String(value));
const texts = (value) => list(value).map(text);
const object = (value) => (value !== null && typeof value === 'object' && !Array.isArray(value)
  ? value : {});

/* The first column says how long all are. */
function columns(source, names, read = numbers) {
  const from = object(source);
  const len = list(from[names[0]]).length;
  return Object.fromEntries(names.map((name) => {
    const values = read(from[name]);
    return [name, Array.from({ length: len }, (unused, i) => values[i] ?? null)];
  }));
}

function curve(source) {
  const from = object(source);
  return { ...columns(from, ['t', 'done']), of: number(from.of) ?? 0, name: text(from.name) };
}

/* Does the rate of any line change over time? */
function changes(scenario) {
  const isOverTime = (rate) => object(rate).steps !== undefined || object(rate).trace !== undefined;
  return list(object(scenario).sites).some((site) => {
    const { rate } = object(object(site).wan);
    return isOverTime(rate) || isOverTime(object(rate).down);
  });
}

/* `changing`: what a run under way does not say itself. */
function wan(source, changing) {
  const from = object(source);
  const busiest = from.busiest == null ? null : {
    ...columns(from.busiest, ['t', 'down']), site: text(from.busiest.site),
    configured_bit_s: number(from.busiest.configured_bit_s),
  };
  return { ...columns(from, ['t', 'down', 'up', 'lan']), sites: number(from.sites) ?? 1,
    configured: from.configured == null && !(changing && from.configured === undefined) ? null
      : columns(from.configured, ['t', 'bit_s']),
    configured_bit_s: number(from.configured_bit_s), busiest };
}

/* Phases as people call them; files and events name them by a word without spaces. */
const PHASES = {
  boot: 'booting', configure: 'configuring', elect: 'electing', wait: 'waiting',
  fetch_peer: 'from a peer', fetch_server: 'from the server', verify: 'verifying',
  linger: 'serving others', apply: 'applying', reboot: 'rebooting',
};
const phases = (value) => texts(value).map((name) => PHASES[name] ?? name.replaceAll('_', ' '));

function states(source) {
  const from = object(source);
  const t = numbers(from.t);
  const names = phases(from.names);
  return { t, names, counts: names.map((name, i) => {
    const values = numbers(list(from.counts)[i]);
    return t.map((unused, at) => values[at] ?? 0);
  }) };
}

function gantt(source) {
  const from = object(source);
  const phones = object(from.phones);
  const names = phases(from.names);
  const phone = texts(phones.phone);
  const all = columns(from.bars, ['phone', 'phase', 'from', 'to', 'file']);
  const keep = all.phone.map((at, i) => i).filter((i) => phone[all.phone[i]] !== undefined &&
    names[all.phase[i]] !== undefined && all.from[i] !== null);
  const bars = Object.fromEntries(Object.entries(all).map(([name, values]) =>
    [name, keep.map((i) => values[i])]));
  bars.file = bars.file.map((file) => file ?? -1);
  const index = (values) => {
    const given = numbers(values);
    return phone.map((unused, i) => given[i] ?? -1);
  };
  return {
    of: number(from.of) ?? phone.length, how: text(from.how), names, files: texts(from.files),
    sites: texts(from.sites), models: texts(from.models), bars,
    phones: { phone, site: index(phones.site), model: index(phones.model),
      outcome: phone.map((unused, i) => text(list(phones.outcome)[i])) },
  };
}

function tree(source) {
  const from = object(source);
  const phone = texts(from.phone);
  const parent = numbers(from.parent);
  const done = numbers(from.done);
  return {
    site: text(from.site), model: text(from.model), file: text(from.file),
    root: from.root == null ? null : text(from.root), re_elected: number(from.re_elected) ?? 0, phone,
    parent: phone.map((unused, i) => (parent[i] < phone.length ? parent[i] ?? -2 : -2)),
    done: phone.map((unused, i) => done[i] ?? null),
    outcome: phone.map((unused, i) => text(list(from.outcome)[i])),
  };
}

function times(source) {
  if (source == null) {
    return null;
  }
  const keys = ['count', 'p5', 'p50', 'p95', 'max'];
  const out = Object.fromEntries(keys.map((key) => [key, number(source[key])]));
  return keys.some((key) => out[key] === null) ? null : out;
}

function run(source, changing) {
  const from = object(source);
  const verdict = object(from.verdict);
  const trees = object(from.trees);
  return {
    label: text(from.label), method: text(from.method), result: object(from.result),
    verdict: { status: text(verdict.status), sentence: text(verdict.sentence) },
    start_at_s: number(from.start_at_s) ?? 0, completion: curve(from.completion),
    classes: list(from.classes).map(curve), models: list(from.models).map(curve),
    wan: wan(from.wan, changing), states: states(from.states), gantt: gantt(from.gantt),
    trees: { of: number(trees.of) ?? 0, how: text(trees.how),
      list: list(trees.list).map(tree).filter((one) => one.phone.length > 0) },
    files: list(from.files).map((file) => ({ file: text(file.file), size: number(file.size),
      peer: times(file.peer), server: times(file.server) })),
    failures: list(from.failures).map((one) => ({ reason: text(one.reason), phones: number(one.phones),
      examples: texts(one.examples) })),
    lag: from.lag == null ? null : columns(from.lag, ['t', 's']), missing: texts(from.missing),
    held: from.held == null ? null
      : { files: number(from.held.files) ?? 0, of: number(from.held.of) ?? 0 },
    groups: from.groups == null ? null : { ended: number(from.groups.ended) ?? 0,
      of: number(from.groups.of) ?? 0, wan_bytes: number(from.groups.wan_bytes) ?? 0 },
  };
}

/* "sites[0].wan.rate" -> "wan.rate", unless another key then has the same name. */
function shorten(paths) {
  const short = paths.map((path) => path.replace(/\[[^\]]*\]/g, '').split('.').slice(-2).join('.'));
  return paths.map((path, i) => (short.filter((one) => one === short[i]).length > 1 ? path : short[i]));
}

/* `first`: the seed of the first run. */
function sweep(source, first) {
  const from = object(source);
  const names = shorten(list(from.keys).map((key) => text(object(key).path)));
  return {
    seed: /^\d+$/.test(first) ? first : '1',
    keys: list(from.keys).map((key, i) => ({ path: text(key.path), name: names[i], values: texts(key.values),
      numbers: Array.isArray(key.numbers) && key.numbers.every((n) => number(n) !== null)
        ? numbers(key.numbers) : null, log: key.log === true })),
    thresholds: list(from.thresholds).map((one) => ({ expression: text(one.expression),
      name: text(one.name), op: text(one.op), limit: number(one.limit), unit: text(one.unit),
      runs: number(one.runs) ?? 0, missed: number(one.missed) ?? 0 })),
    thresholdsMore: number(from.thresholds_more) ?? 0,
    missing: number(from.missing) ?? 0, all_met: number(from.all_met),
    metrics: list(from.metrics).map((metric) => ({ name: text(metric.name), label: text(metric.label),
      unit: text(metric.unit) })),
    repeat: number(from.repeat) ?? 1, runs: number(from.runs) ?? 0, failed: number(from.failed) ?? 0,
    points: list(from.points).map((point) => ({ at: numbers(point.at), runs: number(point.runs) ?? 0,
      all_met: number(point.all_met), mean: numbers(point.mean), low: numbers(point.low),
      high: numbers(point.high), seeds: list(point.seeds).map(numbers), behind: number(point.behind) ?? 0, judged: numbers(point.judged),
      missed: numbers(point.missed), worst: numbers(point.worst) })),
  };
}

/* "out/a/result.json", "out/b" -> "a", "b": what tells them apart. */
function tails(paths) {
  const parts = paths.map((path) => path.replace(/(\/result\.json)?\/*$/, '').split('/'));
  while (parts.every((one) => one.length > 1 && one[0] === parts[0][0])) {
    parts.forEach((one) => one.shift());
  }
  return parts.map((one) => one.join('/'));
}

/* What a reader calls each run, in `name`: its method, or where methods are alike where it was
 * read; then `hue` is its number, as a method's colour would not tell it from others. */
function callRuns(runs) {
  const alike = new Set(runs.map((one) => one.method)).size < runs.length;
  const several = new Set(runs.map((one) => one.method)).size > 1;
  const places = alike ? tails(runs.map((one) => one.label || one.method)) : [];
  const seen = new Map();
  runs.forEach((one, i) => {
    const place = alike && several && !places[i].includes(one.method) ? `${places[i]} (${one.method})`
      : places[i];
    const count = (seen.get(place) ?? 0) + 1;
    seen.set(place, count);
    one.name = alike ? place + (count > 1 ? ` (${count})` : '') : one.method;
    one.hue = alike ? i : null;
  });
  return runs;
}

/* Throws a sentence when it is no view of this version. */
export function readView(json) {
  const from = object(JSON.parse(json));
  if (from.format !== FORMAT) {
    throw new Error(`this page draws reports of format ${FORMAT}, and this is format ` +
      `${text(from.format) || 'unknown'}: make the report with one version of pfsim`);
  }
  const changing = changes(from.scenario);
  const out = {
    kind: text(from.kind), title: text(from.title),
    runs: callRuns(list(from.runs).map((one) => run(one, changing))),
    sweep: from.kind === 'sweep' ? sweep(from.sweep, text(from.seed)) : null, scenario: from.scenario ?? null,
    versions: object(from.versions),
  };
  if (out.kind === 'sweep' ? out.sweep.keys.length === 0 : out.runs.length === 0) {
    throw new Error('there is no run in this report');
  }
  return out;
}
