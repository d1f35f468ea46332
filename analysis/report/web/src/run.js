/* run.js -- the report of one run. */
import { completion, states, wan } from './curves.js';
import { el, section } from './dom.js';
import { gantt } from './gantt.js';
import { cards, cautions, failures, judge, sites, thresholds } from './head.js';
import { fileTimes } from './times.js';
import { trees } from './trees.js';

export function headline(parent, run, short) {
  const node = section(parent, 'In short', { short });
  judge(node, run);
  node.append(cards(run));
  thresholds(node, run);
  failures(node, run);
  cautions(node, run);
  sites(node, run);
  return node;
}

/* The charts that a growing run also has. Returns them, to be updated. */
export function overTime(parent, id, run, short) {
  const node = section(parent, 'Over time', { short });
  return [completion(node, `${id}-completion`, [run]), wan(node, `${id}-wan`, [run]),
    ...(run.states.names.length > 0 ? [states(node, `${id}-states`, run)] : [])];
}

/* What is only known in the end. */
export function details(parent, id, run, listed) {
  if (run.gantt.phones.phone.length > 0) {
    gantt(section(parent, 'Phone by phone', { short: listed ? 'Phones' : null }), `${id}-gantt`, run);
  }
  if (run.trees.list.length > 0) {
    trees(section(parent, 'Who gave to whom', { short: listed ? 'Trees' : null }), `${id}-trees`, run);
  }
  if (run.files.length > 0) {
    fileTimes(section(parent, 'File by file', { short: listed ? 'Files' : null }), `${id}-files`, run);
  }
}

export function runPage(parent, view) {
  const [run] = view.runs;
  parent.append(el('h1', {}, view.title),
    el('p', { class: 'subtitle' }, `Method ${run.method}, ${run.result.world ?? '?'} world` +
      `${run.result.world === 'virtual' && run.result.network ? `, ${run.result.network} network` : ''}` +
      `, seed ${run.result.seed ?? '?'}`));
  headline(parent, run, 'In short');
  overTime(parent, 'run', run, 'Over time');
  details(parent, 'run', run, true);
}
