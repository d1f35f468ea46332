/* live.js -- the page of a run that goes on: the same charts, growing with every sample that the
 * server sends. Says when the connection is lost, and comes back by itself. */
import { el, section } from './dom.js';
import { clearFigures } from './figure.js';
import { card, cautions } from './head.js';
import { overTime } from './run.js';
import { bytes, count, percent, rate, seconds } from './units.js';

const POINTS_MAX = 2000; /* of a curve: then neighbours become one */
const DRAW_EVERY = 500;  /* milliseconds */
const RETRY_AFTER = 3000;

const later = (list) => list.filter((value, i) => i % 2 === 1);
const pairwise = (list, join) => later(list).map((value, i) => join(list[2 * i], value));
const mean = (a, b) => (a == null || b == null ? b ?? a : (a + b) / 2);

/* Halves the curves of a run that has gone on for long. */
export function thin(run) {
  const { wan, states, lag, completion } = run;
  if (wan.t.length > POINTS_MAX) {
    wan.t = later(wan.t);
    for (const key of ['down', 'up', 'lan']) {
      wan[key] = pairwise(wan[key], mean);
    }
  }
  if (states.t.length > POINTS_MAX) {
    states.t = later(states.t);
    states.counts = states.counts.map(later);
  }
  if (lag && lag.t.length > POINTS_MAX) {
    lag.t = later(lag.t);
    lag.s = pairwise(lag.s, (a, b) => Math.max(a ?? 0, b ?? 0));
  }
  if (completion.t.length > POINTS_MAX) {
    completion.t = later(completion.t);
    completion.done = later(completion.done);
  }
}

/* Sites that run one after another: their curves so far, in place of those before. */
function replace(run, { completion, wan, states }) {
  Object.assign(run.completion, { t: completion.t, done: completion.done, of: completion.of });
  Object.assign(run.wan, { t: wan.t, down: wan.down, up: wan.up, lan: wan.lan });
  Object.assign(run.states, { t: states.t, counts: states.counts });
}

export function grow(run, sample) {
  if (sample.curves) {
    replace(run, sample.curves);
    return;
  }
  run.wan.t.push(sample.t);
  for (const key of ['down', 'up', 'lan']) {
    run.wan[key].push(sample[key] ?? null);
  }
  if (Array.isArray(sample.states)) {
    run.states.t.push(sample.t);
    run.states.names.forEach((name, i) => run.states.counts[i].push(sample.states[i] ?? 0));
  }
  const { completion } = run;
  if (sample.done > (completion.done[completion.done.length - 1] ?? 0)) {
    completion.t.push(Math.max(0, sample.t - (run.start_at_s ?? 0)));
    completion.done.push(sample.done);
  }
  if (sample.lag != null) {
    run.lag ??= { t: [], s: [] };
    run.lag.t.push(sample.t);
    run.lag.s.push(sample.lag);
  }
  thin(run);
}

function liveCards(run, sample) {
  const { completion, wan } = run;
  const at = (list) => list[list.length - 1];
  const groups = sample?.groups ?? run.groups;
  const held = sample?.held ?? run.held;
  const place = groups
    ? [card('sites run', `${count(groups.ended)} of ${count(groups.of)}`, 'one after another'),
      card('over the WAN so far', bytes(groups.wan_bytes), null)]
    : [card('elapsed', seconds(sample?.t ?? at(wan.t) ?? 0), null),
      card('WAN now', rate(sample?.down ?? at(wan.down) ?? 0),
        wan.configured_bit_s
          ? `of ${rate(wan.configured_bit_s)}${wan.configured === null ? '' : ' in the mean'}` : null)];
  return el('dl', { class: 'cards' },
    card('phones done', `${count(sample?.done ?? at(completion.done) ?? 0)} of ${count(completion.of)}`,
      sample?.failed > 0 ? `${count(sample.failed)} failed` : 'none failed'),
    held?.of > 0 ? card('files held', `${count(held.files)} of ${count(held.of)}`,
      percent(held.files / held.of)) : null,
    ...place);
}

/* `build(view)` draws a whole page into #main, `read(text)` makes a view of a message. */
export function watch(parent, url, read, build) {
  const status = el('p', { class: 'live', role: 'status' }, 'Connecting to the run\u2026');
  let shown = null; /* { run, figures, cards, sentence } while it goes on */
  let timer = null;
  parent.before(status);

  const say = (kind, text) => {
    status.className = `live ${kind}`;
    if (status.textContent !== text) {
      status.textContent = text;
    }
  };
  const clear = () => {
    clearFigures();
    parent.replaceChildren();
    document.getElementById('contents').replaceChildren();
  };
  const start = (view) => {
    const [run] = view.runs;
    const y = window.scrollY;
    clear();
    document.title = `${view.title} \u2013 pfsim`;
    parent.append(el('h1', {}, view.title),
      el('p', { class: 'subtitle' }, `Method ${run.method}, under way`));
    const short = section(parent, 'Now', { short: 'Now' });
    const sentence = el('p', { class: 'lead' }, run.verdict.sentence);
    const cards = el('div', {}, liveCards(run, null));
    short.append(sentence, cards);
    cautions(short, run);
    shown = { run, sentence, cards, sample: null, figures: overTime(parent, 'live', run, 'Over time') };
    window.scrollTo(0, y);
    say('on', 'Live: the charts grow as the run goes on.');
  };
  const draw = () => {
    timer = null;
    if (shown === null) {
      return;
    }
    shown.sentence.textContent = shown.sample.sentence ?? '';
    shown.cards.replaceChildren(liveCards(shown.run, shown.sample));
    shown.figures.forEach((figure) => figure.update());
  };
  const open = () => {
    const events = new EventSource(url);
    const on = (name, act) => events.addEventListener(name, (event) => {
      try {
        act(event.data);
      } catch (error) {
        say('lost', `A message of the run could not be understood: ${error.message}`);
      }
    });
    on('start', (data) => start(read(data)));
    on('sample', (data) => {
      if (shown !== null) {
        const sample = JSON.parse(data);
        grow(shown.run, sample);
        shown.sample = sample;
        timer ??= setTimeout(draw, DRAW_EVERY);
        say('on', 'Live: the charts grow as the run goes on.');
      }
    });
    on('end', (data) => {
      events.close();
      shown = null;
      clear();
      build(read(data));
      say('ended', 'The run has ended; this is its report.');
    });
    events.addEventListener('error', () => {
      say('lost', 'The connection to the run is lost; trying again. The charts show what was known.');
      if (events.readyState === EventSource.CLOSED) {
        setTimeout(open, RETRY_AFTER);
      }
    });
  };
  open();
}
