/* fixtures.mjs -- views made by hand, for what no run of the test would give: hostile names, a live
 * run, sizes at the limits. The same bytes every time. */

/* A small generator of our own, so that figures look like figures and never change. */
function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}

const round = (value) => Number(value.toFixed(6));

const PHASES = ['off', 'boot', 'configure', 'elect', 'wait', 'fetch_peer', 'fetch_server',
  'verify', 'linger', 'apply', 'reboot', 'in service', 'failed'];

export const HOSTILE = {
  site: '<script>window.hacked = "site"</script>',
  model: '<img src=x onerror="window.hacked=\'model\'">',
  file: '"><svg onload="window.hacked=\'file\'">.sbn',
  phone: '<b onmouseover="window.hacked=1">127.1.0.2</b>',
  reason: '</script><script>window.hacked = "reason"</script><!--',
  title: '</title><script>window.hacked = "title"</script>',
};

/* A run of `phones` phones and `files` files in binary trees; `names` replaces what things are
 * called; `failed` phones at the end never got the last file. */
export function runView({ phones = 30, files = 3, method = 'pfs', names = {}, failed = 0, lag = false,
  valid = true, pace = 1, shown = 500, points = 200 } = {}) {
  const random = chance(phones * 31 + files);
  const site = names.site ?? 'branch';
  const model = names.model ?? 'CP-7961G';
  const address = (i) => (i === 0 && names.phone) || `127.1.${Math.floor((i + 2) / 250)}.${(i + 2) % 250}`;
  const fileName = (f) => (f === 0 && names.file) || `jar41sccp-${f}.9-4-2ES26.sbn`;
  const rows = Math.min(phones, shown);
  const bars = { phone: [], phase: [], from: [], to: [], file: [] };
  const add = (phone, phase, from, to, file) => {
    if (phone < rows) {
      bars.phone.push(phone);
      bars.phase.push(PHASES.indexOf(phase));
      bars.from.push(round(from));
      bars.to.push(round(to));
      bars.file.push(file);
    }
  };
  const done = Array.from({ length: phones }, (unused, i) => {
    const start = random() * 2;
    add(i, 'boot', start, start + 1, -1);
    add(i, 'configure', start + 1, start + 1.4, -1);
    return start + 1.4;
  });
  const trees = [];
  for (let f = 0; f < files; f += 1) {
    const held = [];
    const begin = Math.max(...done);
    for (let i = 0; i < phones; i += 1) {
      const up = i === 0 ? -1 : Math.floor((i - 1) / 2);
      const ready = i === 0 ? begin + 2.5 : held[up];
      const took = (i === 0 ? 4 : 0.3 + random() * 0.2) * pace;
      add(i, 'elect', done[i], begin + 1, f);
      add(i, 'wait', begin + 1, ready, f);
      add(i, i === 0 ? 'fetch_server' : 'fetch_peer', ready, ready + took, f);
      add(i, 'verify', ready + took, ready + took + 0.05, f);
      held.push(ready + took + 0.05);
      done[i] = held[i];
    }
    const broken = f === files - 1 ? failed : 0;
    trees.push({ site, model, file: fileName(f), root: address(0), re_elected: f === 1 ? 1 : 0,
      phone: Array.from({ length: phones }, (unused, i) => address(i)),
      parent: Array.from({ length: phones }, (unused, i) =>
        (i >= phones - broken ? -2 : i === 0 ? -1 : Math.floor((i - 1) / 2))),
      done: held.map((t, i) => (i >= phones - broken ? null : round(t))),
      outcome: held.map((t, i) => (i >= phones - broken ? 'failed' : 'upgraded')) });
  }
  const good = phones - failed;
  done.forEach((t, i) => {
    add(i, i >= good ? 'failed' : 'apply', t, t + 1, -1);
    add(i, i >= good ? 'failed' : 'reboot', t + 1, t + 3, -1);
  });
  const times = done.slice(0, good).sort((a, b) => a - b);
  const end = times[times.length - 1] + 4;
  const t = Array.from({ length: points }, (unused, i) => round((i + 1) * end / points));
  const counts = PHASES.map(() => t.map(() => 0));
  t.forEach((at, i) => {
    const finished = times.filter((time) => time <= at).length;
    counts[PHASES.indexOf('in service')][i] = finished;
    counts[PHASES.indexOf('wait')][i] = Math.floor((phones - finished) / 2);
    counts[PHASES.indexOf('fetch_peer')][i] = phones - finished - Math.floor((phones - finished) / 2);
  });
  const p = (share) => round(times[Math.min(times.length - 1, Math.floor(share * times.length))]);
  const step = Math.max(1, Math.ceil(times.length / 1000));
  const kept = times.map((time, i) => i).filter((i) => i % step === step - 1 || i === times.length - 1);
  const curve = { t: kept.map((i) => round(times[i])), done: kept.map((i) => i + 1), of: phones };
  return {
    method,
    result: {
      pfsim: '0.1.0', scenario: 'fixture', world: lag ? 'live' : 'virtual', network: 'fluid', method,
      seed: 1, phones: { total: phones, upgraded: good, failed, current: 0 },
      completion_s: { first: p(0), p50: p(0.5), p95: p(0.95), last: round(times[times.length - 1]) },
      back_in_service_s: { last: round(end) },
      wan: { bytes: 1304823, payload_bytes: 1161488, busy_s: 4 * files, mean_bit_s: 335046,
        peak_bit_s: 1980617, configured_bit_s: 6000000, utilisation: 0.0558 },
      lan: { payload_bytes: 33683152 }, server: { requests: 246 },
      bounds: { wan_floor_s: 1.55, optimum_s: 1.55, copy_bytes: 1161488, gap: round(times[times.length - 1] / 1.55) },
      sites: [{ name: site, class: site, phones: { total: phones, upgraded: good }, completion_s: {},
        wan: {}, bounds: {} }, { name: `${site}#2`, class: site, phones: {}, wan: {}, bounds: {} }],
      thresholds: [{ expression: 'phones.failed == 0', value: failed, met: failed === 0 },
        { expression: `sites[${site}].completion_s.p95 < 600`, value: p(0.95), met: true }],
      caution: failed > 0 ? [`a caution about ${site}`] : [],
      validity: { valid, reasons: valid ? [] : [`the loop of ${site} was 0.4 s late`] },
    },
    verdict: { status: !valid ? 'invalid' : failed > 0 ? 'failed' : 'met',
      sentence: failed > 0 ? `${failed} of ${phones} phones of ${site} failed.`
        : `All ${phones} phones were upgraded.` },
    start_at_s: 0, completion: curve,
    classes: [{ name: site, ...curve }, { name: 'other', ...curve, of: phones }],
    models: [{ name: model, ...curve }, { name: 'CP-7970G', ...curve }],
    wan: { t, down: t.map((at, i) => 5e6 * (0.4 + 0.4 * Math.sin(i / 9) ** 2)), up: t.map(() => 60000),
      lan: t.map((at, i) => (i % 7) * 1e7), configured_bit_s: 6000000, sites: 2,
      busiest: { site, t, down: t.map(() => 2e6), configured_bit_s: 3000000 } },
    states: { t, names: PHASES, counts },
    gantt: { of: phones, how: rows < phones ? `${rows} of ${phones} phones.` : `All ${phones} phones.`,
      names: PHASES, files: trees.map((tree) => tree.file), sites: [site], models: [model],
      phones: { phone: Array.from({ length: rows }, (unused, i) => address(i)),
        site: Array(rows).fill(0), model: Array(rows).fill(0),
        outcome: Array.from({ length: rows }, (unused, i) => (i >= good ? 'failed' : 'upgraded')) },
      bars },
    trees: { of: files, how: `All ${files} trees.`, list: trees },
    files: trees.map((tree) => ({ file: tree.file, size: 1630052,
      peer: { count: phones - 1, p5: 0.31, p50: 0.4, p95: 0.49, max: 0.62 },
      server: { count: 1, p5: 4, p50: 4, p95: 4, max: 4 } })),
    failures: failed > 0 ? [{ reason: names.reason ?? 'no parent and no server', phones: failed,
      examples: [`${address(phones - 1)} (${site})`] }] : [],
    lag: lag ? { t, s: t.map((at, i) => 0.0004 + (i % 11) * 0.0001) } : null,
    missing: [],
  };
}

export function view(kind, title, runs, more = {}) {
  return { format: 1, kind, title, runs, scenario: { name: title, sites: [{ name: 'branch' }] },
    versions: { pfsim: '0.1.0', libuv: '1.44.2' }, ...more };
}

export function sweepView(names = {}) {
  const rates = ['384 kbit/s', '768 kbit/s', '1.536 Mbit/s', '3 Mbit/s'];
  const counts = ['10', '50', '250', '1000'];
  const methods = ['pfs', 'traditional'];
  const points = [];
  rates.forEach((rate, i) => counts.forEach((count, j) => methods.forEach((method, k) => {
    const time = 60 + (k === 1 ? Number(count) : 1) * 8.1e6 * 8 / (384000 * 2 ** i);
    points.push({ at: [i, j, k], runs: 5, all_met: time < 3600 ? 5 : 0, mean: [time, time * 40000],
      low: [time * 0.9, time * 39000], high: [time * 1.1, time * 41000], behind: 0, judged: [5],
      missed: [time < 3600 ? 0 : 5], worst: [time * 1.2] });
  })));
  return view('sweep', names.title ?? 'a sweep', [], {
    sweep: {
      keys: [{ path: 'sites[0].wan.rate', values: rates, numbers: [384000, 768000, 1536000, 3000000], log: true },
        { path: 'sites[0].phones[0].count', values: counts, numbers: [10, 50, 250, 1000], log: true },
        { path: names.site ?? 'method', values: methods, numbers: null, log: false }],
      metrics: [{ name: 'completion_s.p95', label: '95 % of the phones are done after', unit: 's' },
        { name: 'wan.payload_bytes', label: 'firmware over the WAN', unit: 'B' }],
      repeat: 5, runs: 160, failed: 0, missing: 0, points,
      thresholds: [{ expression: `${names.file ?? 'completion_s.p95'} < 1 h`, name: 'completion_s.p95', op: '<',
        limit: 3600, unit: 's', runs: 160, missed: points.reduce((sum, point) => sum + point.missed[0], 0) }],
    },
  });
}

/* The page with a view in it, as pfsim writes it. */
export function intoPage(page, data) {
  const json = JSON.stringify(data).replace(/</g, '\\u003c');
  return page.replace('<!--VIEW-->', () => `<script type="application/json" id="view">${json}</script>`);
}
