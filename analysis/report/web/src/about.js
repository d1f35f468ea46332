/* about.js -- what it takes to run it again: the scenario, the seed, versions, the command. */
import { el, section } from './dom.js';
import { table } from './table.js';

/* One word of a POSIX shell's command line. */
function word(text) {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
}

function command(view) {
  const [first] = view.runs;
  if (first === undefined) {
    return null;
  }
  const { world, seed, method, network } = first.result;
  const compared = view.kind === 'compare' && first.hue === null;
  const words = ['pfsim', compared ? 'compare' : 'run', 'scenario.json'];
  if (compared) {
    words.push('--methods', view.runs.map((run) => run.method).join(','));
  } else {
    words.push('--method', method ?? first.method);
  }
  words.push('--world', world ?? 'virtual', '--seed', String(seed ?? 1));
  if (network && world === 'virtual') {
    words.push('--set', `network=${network}`);
  }
  return words.map(word).join(' ');
}

export function about(parent, view) {
  const node = section(parent, 'To run it again', { short: 'Scenario' });
  const line = command(view);
  if (line !== null) {
    node.append(el('p', {}, `Save the scenario below${view.runs[0].hue === null ? ''
      : `, that of ${view.runs[0].name},`} as scenario.json; the same seed gives the same ` +
      (view.runs[0].result.world === 'live' ? 'chance (time is real in a live run).' : 'bytes.')),
    el('pre', { class: 'command', tabindex: 0 }, line));
  }
  const facts = view.runs.slice(0, 1).flatMap(({ result }) => [['world', result.world],
    ['network', result.network], ['seed', result.seed], ['shard', result.shard]])
    .filter(([, value]) => value != null && typeof value !== 'object');
  const versions = Object.entries(view.versions ?? {});
  node.append(table(['what', 'value'], [...facts, ...versions]
    .map(([name, value]) => [name, String(value)]), 'Seed and versions'));
  if (view.scenario != null) {
    node.append(el('details', { class: 'fold' }, el('summary', {}, 'The scenario, as it ran'),
      el('pre', { class: 'scenario', tabindex: 0, 'aria-label': 'The scenario' },
        JSON.stringify(view.scenario, null, 2))));
  } else {
    node.append(el('p', { class: 'note' }, 'The scenario is not beside the result.'));
  }
}
