/* head.js -- what a reader wants first: the verdict, the figures, the thresholds, what went wrong,
 * what to be careful with. */
import { el, section } from './dom.js';
import { folded } from './figure.js';
import { table } from './table.js';
import { bytes, count, factor, percent, quantity, rate, seconds, times } from './units.js';

const SITES_OPEN = 10; /* before the first chart: our choice */

const TITLE = 'Why phones are not upgraded'; /* as on the terminal */

const STATUS = {
  met: ['good', '\u2713', 'Passed'], missed: ['bad', '\u2717', 'Threshold missed'],
  failed: ['bad', '\u2717', 'Phones failed'], invalid: ['bad', '!', 'Invalid run'],
  interrupted: ['warn', '\u2026', 'Interrupted'], running: ['plain', '\u25b6', 'Running'],
};

/* Of a run among others with its `name`, and a `link` to more of it. */
function verdict(run, name, link) {
  const [kind, mark, word] = STATUS[run.verdict.status] ?? STATUS.running;
  return el('p', { class: `verdict ${kind}${name === null ? '' : ' brief'}` },
    el('span', { class: 'mark', 'aria-hidden': 'true' }, mark),
    el('span', {}, name === null ? null : el('b', {}, `${name}: `), el('strong', {}, `${word}. `),
      run.verdict.sentence, link === null ? null : ' ', link));
}

export function card(name, value, note) {
  return el('div', { class: 'card' }, el('dt', {}, name),
    el('dd', {}, el('b', {}, value), note == null ? null : el('span', {}, note)));
}

export function cards(run) {
  const r = run.result;
  const phones = r.phones ?? {};
  const done = r.completion_s ?? {};
  const line = r.wan ?? {};
  const bounds = r.bounds ?? {};
  const copies = bounds.copy_bytes > 0 ? line.payload_bytes / bounds.copy_bytes : null;
  const failed = phones.failed > 0 ? `${count(phones.failed)} failed` : 'none failed';
  return el('dl', { class: 'cards' },
    card('phones upgraded', `${count(phones.upgraded)} of ${count(phones.total)}`,
      phones.current > 0 ? `${failed}, ${count(phones.current)} were current` : failed),
    card('last phone done', seconds(done.last), done.p95 == null ? null
      : `95 % after ${seconds(done.p95)}`),
    card('back in service', seconds(r.back_in_service_s?.last), 'the last phone'),
    card('firmware over the WAN', bytes(line.payload_bytes),
      copies === null ? null : `${times(copies)} one copy a model and site`),
    card('WAN in use', percent(line.utilisation),
      `mean ${rate(line.mean_bit_s)}, peak ${rate(line.peak_bit_s)}`),
    card('beside the best possible', times(bounds.gap),
      bounds.optimum_s == null ? null : `no scheme is done before ${seconds(bounds.optimum_s)}`));
}

/* The verdict, or of an invalid run why it is none. */
export function judge(parent, run, name = null, link = null) {
  const v = run.result.validity;
  if (v?.valid !== false) {
    parent.append(verdict(run, name, link));
    return;
  }
  parent.append(el('div', { class: 'banner bad', role: 'alert' },
    el('strong', {}, `${name === null ? 'Invalid run' : `${name} is invalid`}: the machine, not the ` +
      'phones, set the pace.'), ' Its figures say nothing about the phones. ', link,
    el('ul', {}, (v.reasons ?? []).map((reason) => el('li', {}, reason)))));
}

/* "20.6 s (34.4 %) to spare": the same words as the terminal's (summary_thresholds.c). */
function margin({ value, limit, unit, met, expression }) {
  if (typeof value !== 'number' || typeof limit !== 'number') {
    return '';
  }
  const by = Math.abs(value - limit);
  if (by === 0) {
    return !met ? 'just not' : /==[^<>=]*$/.test(expression) ? '' : 'just';
  }
  /* Percent of percent would be read wrongly. */
  const text = unit === 'share' ? `${factor(100 * by)} points`
    : quantity(by, unit) + (limit !== 0 && by < 10 * Math.abs(limit)
      ? ` (${percent(by / Math.abs(limit))})` : '');
  return `${text} ${met ? 'to spare' : value > limit ? 'too much' : 'too little'}`;
}

export function thresholds(parent, run) {
  const list = run.result.thresholds ?? [];
  if (list.length === 0) {
    return;
  }
  const node = section(parent, 'Thresholds', { level: 3 });
  const missed = list.filter((one) => !one.met).length;
  const until = run.result.interrupted === true ? ' by what happened until the run was interrupted' : '';
  node.append(el('p', {}, (missed > 0 ? `${count(missed)} of ${count(list.length)} missed`
    : list.length === 1 ? 'Met' : `All ${count(list.length)} met`) + `${until}.`));
  node.append(table(['threshold', { name: 'measured', number: true }, 'verdict',
    { name: 'margin', wide: true }],
    list.map((one) => [one.expression, one.value == null ? 'no value' : quantity(one.value, one.unit),
      el('div', {}, el('span', { class: one.met ? 'yes' : 'no' }, one.met ? '\u2713 met' : '\u2717 missed'),
        el('small', { class: 'under' }, margin(one))), margin(one)]),
    'Thresholds'));
}

export function failures(parent, run) {
  if (run.failures.length === 0) {
    return;
  }
  const node = section(parent, TITLE, { level: 3 });
  node.append(table(['reason', { name: 'phones', number: true }, 'for example'],
    run.failures.map((one) => [one.reason, count(one.phones), one.examples.join(', ')]),
    TITLE));
  node.lastChild.classList.add('whole');
}

/* What to be careful with; of several runs with their names. */
export function mind(parent, runs) {
  const told = runs.flatMap((run) => [...run.result.caution ?? [], ...run.missing ?? []]
    .map((text) => el('li', {}, runs.length > 1 ? el('b', {}, `${run.name}: `) : null, text)));
  if (told.length > 0) {
    section(parent, 'Mind', { level: 3 }).append(el('ul', { class: 'cautions' }, told));
  }
}

export function cautions(parent, run) {
  mind(parent, [run]);
}

function sitesTable(list, caption) {
  const classes = list.some((site) => site.class != null && site.class !== site.name);
  const node = table(['site', ...(classes ? ['class'] : []), { name: 'upgraded', number: true },
    { name: 'last phone done', number: true }, { name: 'firmware over the WAN', number: true },
    { name: 'line in use', number: true }, { name: 'from the best', number: true }],
  list.map((site) => [site.name, ...(classes ? [site.class ?? ''] : []), `${count(site.phones?.upgraded)} of ` +
    `${count(site.phones?.total)}`, seconds(site.completion_s?.last),
  bytes(site.wan?.payload_bytes), percent(site.wan?.utilisation), times(site.bounds?.gap)]), caption);
  if (list.length <= SITES_OPEN) {
    node.classList.add('whole');
  }
  return node;
}

/* The sites, worst first, as the result lists them: a screen of them, then a box for the rest. */
export function sites(parent, run) {
  const list = run.result.sites ?? [];
  if (list.length < 2) {
    return;
  }
  const node = section(parent, 'Sites', { level: 3 });
  const all = Math.max(run.result.sites_summary?.count ?? 0, list.length);
  node.append(el('p', { class: 'summary' }, list.length < all
    ? `The worst ${count(list.length)} of ${count(all)}, worst first; sites.csv has every one.`
    : 'Worst first; sites.csv has every one.'));
  node.append(sitesTable(list.slice(0, SITES_OPEN), 'Sites'));
  const more = list.slice(SITES_OPEN);
  if (more.length > 0) {
    const title = list.length < all
      ? `${count(more.length)} of ${count(all - SITES_OPEN)} more sites`
      : `${count(more.length)} more site${more.length === 1 ? '' : 's'}`;
    folded(node, title, (body) => body.append(sitesTable(more, title)));
  }
}
