/* sweephead.js -- a sweep in short: did all runs pass, which combinations did not and by what, and
 * which is the best of each figure that is judged. */
import { el, section } from './dom.js';
import { folded } from './figure.js';
import { card } from './head.js';
import { table } from './table.js';
import { count, percent, quantity } from './units.js';

const COMBINATIONS_OPEN = 12; /* before the first chart: our choice */
const NAMED_MAX = 3;          /* combinations named in one cell or sentence */
const FIGURES_MAX = 3;        /* beside the judgement of a combination */

function place(sweep, point) {
  return point.at.map((at, i) => `${sweep.keys[i].name} = ${sweep.keys[i].values[at]}`).join(', ');
}

/* "a; b; c and 4 more" */
function named(sweep, points, most = NAMED_MAX) {
  const more = points.length - most;
  return points.slice(0, most).map((point) => place(sweep, point)).join('; ') +
    (more > 0 ? ` and ${count(more)} more` : '');
}

function value(threshold, number) {
  return threshold.unit === 'share' ? percent(number) : quantity(number, threshold.unit);
}

function metAll(sweep, point) {
  return point.runs > 0 && point.all_met === point.runs && point.runs === sweep.repeat;
}

/* What every run is asked for. */
function asked(sweep) {
  return sweep.thresholds.length > 0 ? 'upgraded every phone and met every threshold'
    : 'upgraded every phone';
}

function sentence(sweep) {
  const all = sweep.runs + sweep.failed + sweep.missing;
  const met = sweep.points.reduce((sum, point) => sum + (point.all_met ?? 0), 0);
  if (met === all) {
    return `${all === 1 ? 'The run' : `All ${count(all)} runs`} ${asked(sweep)}.`;
  }
  const whole = sweep.points.filter((point) => metAll(sweep, point));
  const told = sweep.points.length === 1 ? ''
    : whole.length === 0 ? ' No combination did in all of its runs.'
      : ` ${count(whole.length)} of ${count(sweep.points.length)} combinations did in all of their ` +
        `runs: ${named(sweep, whole)}.`;
  const lost = sweep.failed > 0 ? ` ${count(sweep.failed)} left no result.` : '';
  const open = sweep.missing > 0 ? ` ${count(sweep.missing)} are still to be run.` : '';
  return `${count(met)} of ${count(all)} runs ${asked(sweep)}.${told}${lost}${open}`;
}

function verdict(sweep) {
  const missed = sweep.thresholds.filter((one) => one.missed > 0).length;
  const behind = sweep.points.some((point) => point.behind > 0);
  const passed = sweep.points.every((point) => metAll(sweep, point));
  const [kind, mark, word] = passed ? ['good', '\u2713', 'Passed']
    : sweep.failed > 0 ? ['bad', '!', 'Runs without a result']
      : behind ? ['bad', '\u2717', 'Phones left behind']
        : missed > 0 ? ['bad', '\u2717', missed === 1 ? 'Threshold missed' : 'Thresholds missed']
          : ['warn', '\u2026', 'Not complete'];
  return el('p', { class: `verdict ${kind}` },
    el('span', { class: 'mark', 'aria-hidden': 'true' }, mark),
    el('span', {}, el('strong', {}, `${word}. `), sentence(sweep)));
}

/* ---- Thresholds ---- */

/* The worst value of all combinations, as the comparison goes. */
function worst(sweep, threshold, at) {
  const far = (number) => (threshold.op.startsWith('>') ? -number
    : threshold.op.startsWith('<') ? number : Math.abs(number - threshold.limit));
  return sweep.points.map((point) => point.worst[at]).filter((number) => number != null)
    .reduce((most, number) => (most === null || far(number) > far(most) ? number : most), null);
}

function thresholds(parent, sweep) {
  if (sweep.thresholds.length === 0) {
    return;
  }
  const node = section(parent, 'Thresholds', { level: 3 });
  const several = sweep.points.length > 1 && sweep.thresholds.some((one) => one.missed > 0);
  const order = sweep.thresholds.map((one, at) => [one, at])
    .sort((a, b) => (b[0].missed > 0) - (a[0].missed > 0) || a[1] - b[1]);
  node.append(table(['threshold', 'verdict', { name: 'worst run', number: true },
    ...(several ? ['missed with'] : [])],
    order.map(([one, at]) => [one.expression,
      el('span', { class: one.missed === 0 ? 'yes' : 'no' }, one.missed === 0
        ? '\u2713 met in every run'
        : `\u2717 missed in ${count(one.missed)} of ${count(one.runs)} runs`),
      value(one, worst(sweep, one, at)),
      ...(several ? [named(sweep, sweep.points.filter((point) => point.missed[at] > 0))] : [])]),
    'Thresholds'));
  node.lastChild.classList.add('whole');
  if (sweep.thresholdsMore > 0) {
    node.append(el('p', { class: 'note' }, `${count(sweep.thresholdsMore)} more thresholds, missed ` +
      'in no more runs than these.'));
  }
}

/* ---- The best ---- */

/* Metrics that are judged, else the first two: [index, whether more is better]. */
function compared(sweep) {
  const judged = sweep.metrics.map((metric, i) => [i,
    sweep.thresholds.find((one) => one.name === metric.name)])
    .filter(([, one]) => one && !one.op.startsWith('=')).map(([i, one]) => [i, one.op.startsWith('>')]);
  return (judged.length > 0 ? judged : sweep.metrics.slice(0, 2).map((metric, i) => [i, false]))
    .slice(0, FIGURES_MAX);
}

function written(sweep, metric, number) {
  const one = sweep.thresholds.find((each) => each.name === sweep.metrics[metric].name);
  return one ? value(one, number) : quantity(number, sweep.metrics[metric].unit);
}

/* "± 2 s", where that says anything. */
function sureness(sweep, point, metric) {
  const half = point.high[metric] != null ? point.high[metric] - point.mean[metric] : 0;
  const text = written(sweep, metric, half);
  return half > 0 && !text.startsWith('0 ') ? `\u00b1 ${text}` : null;
}

function best(sweep) {
  return el('dl', { class: 'cards roomy' }, compared(sweep).map(([metric, more]) => {
    const points = sweep.points.filter((point) => point.mean[metric] != null)
      .sort((a, b) => (more ? -1 : 1) * (a.mean[metric] - b.mean[metric]));
    const [first] = points;
    const equal = points.filter((point) => point.mean[metric] === first.mean[metric]);
    const { label, name } = sweep.metrics[metric];
    if (points.length > 0 && sweep.points.length === 1) {
      return card(label || name, written(sweep, metric, first.mean[metric]), sureness(sweep, first, metric));
    }
    return points.length === 0 ? null : card(`${more ? 'highest' : 'lowest'}: ${label || name}`,
      written(sweep, metric, first.mean[metric]), equal.length === sweep.points.length
        ? 'everywhere' : `with ${named(sweep, equal, 1)}`);
  }));
}

/* ---- Combinations ---- */

function judgement(sweep, point) {
  const by = sweep.thresholds.map((one, at) => [one.expression, point.missed[at], point.judged[at]])
    .filter(([, missed]) => missed > 0).map(([text, missed, of]) => (missed === of ? text
      : `${text} (${count(missed)} of ${count(of)})`));
  const all = [...by, ...(point.behind > 0 ? [`phones left behind (${count(point.behind)} runs)`] : []),
    ...(point.runs < sweep.repeat ? [`${count(sweep.repeat - point.runs)} runs without a result`] : [])];
  return metAll(sweep, point) ? el('span', { class: 'yes' }, '\u2713 all')
    : el('span', { class: 'no' }, `\u2717 missed: ${all.join('; ') || 'see sweep.sqlite'}`);
}

function combinationsTable(sweep, points, caption) {
  const shown = compared(sweep);
  return table([...sweep.keys.map((key) => key.path), { name: 'runs met', number: true }, 'met',
    ...shown.map(([metric]) => ({ name: sweep.metrics[metric].name, number: true }))],
  points.map((point) => [...point.at.map((at, i) => sweep.keys[i].values[at]),
    `${count(point.all_met)} of ${count(sweep.repeat)}`, judgement(sweep, point),
    ...shown.map(([metric]) => {
      const sure = sureness(sweep, point, metric);
      return written(sweep, metric, point.mean[metric]) + (sure === null ? '' : ` ${sure}`);
    })]), caption);
}

function combinations(parent, sweep) {
  if (sweep.points.length < 2) {
    return;
  }
  const node = section(parent, 'Combinations', { level: 3 });
  node.append(combinationsTable(sweep, sweep.points.slice(0, COMBINATIONS_OPEN), 'Combinations'));
  node.lastChild.classList.add('whole');
  const more = sweep.points.slice(COMBINATIONS_OPEN);
  if (more.length > 0) {
    const title = `${count(more.length)} more combination${more.length === 1 ? '' : 's'}`;
    folded(node, title, (body) => body.append(combinationsTable(sweep, more, title)));
  }
}

export function sweepHead(parent, sweep) {
  const node = section(parent, 'In short', { short: 'In short' });
  if (sweep.points.every((point) => point.all_met != null)) {
    node.append(verdict(sweep));
  }
  node.append(best(sweep));
  thresholds(node, sweep);
  combinations(node, sweep);
}
