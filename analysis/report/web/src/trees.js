/* trees.js -- the sharing tree of a file: who got it from whom, and when. */
import { el, select } from './dom.js';
import { addFigure, PRINT_WIDTH, tip } from './figure.js';
import { colours, ramp } from './theme.js';
import { count, counted, seconds } from './units.js';

const LEVELS = 4;         /* of a big tree, at first */
const BIG = 130;          /* phones: more than that is a big tree */
const OFFERED = 12;       /* levels to choose from one by one */
const DEPTH_MAX = 500;    /* levels drawn at all: a browser's stack is finite, a file's chain is not */
const WHOLE_MAX = 1500;   /* phones: bigger trees are only opened branch by branch */
const ROW = 32;           /* pixels a leaf, with half of them between cousins */
const NARROW = 600;       /* pixels: narrower than this addresses are cut to what tells them apart */
const COLUMN_NARROW = 44; /* the same, cut */
const COLUMN = 125;       /* pixels a level: an address and its line */
const COLUMN_FAILED = 165; /* the same, where some address says that it failed */

const SERVER = -1;
const NEVER = -2;

/* The nodes of a tree as nested data for the chart. Never recursive: a hostile or broken file may
 * describe a chain of any length, or a ring (whose members are then not reached and not drawn). */
function nest(tree) {
  const nodes = tree.phone.map((phone, i) => ({
    name: phone, at: i, children: [], below: 0, depth: 0,
  }));
  const server = { name: 'server', at: SERVER, children: [], below: 0, depth: 0 };
  const never = { name: 'never got it', at: NEVER, children: [], below: 0, depth: 1 };
  tree.parent.forEach((parent, i) => {
    (parent >= 0 ? nodes[parent] ?? server : parent === NEVER ? never : server)
      .children.push(nodes[i]);
  });
  if (never.children.length > 0) {
    server.children.push(never);
  }
  const order = [server];
  for (let i = 0; i < order.length; i += 1) {
    for (const child of order[i].children) {
      child.depth = order[i].depth + 1;
      order.push(child);
    }
  }
  for (let i = order.length - 1; i >= 0; i -= 1) {
    order[i].below = order[i].children.reduce((sum, child) => sum + 1 + child.below, 0);
    if (order[i].depth === DEPTH_MAX) {
      order[i].children = [];
    }
  }
  const drawn = order.filter((node) => node.depth <= DEPTH_MAX);
  return { server, order: drawn, depth: drawn.reduce((max, node) => Math.max(max, node.depth), 0) };
}

function failed(tree, at) {
  return at >= 0 && (tree.outcome[at] === 'failed' || tree.parent[at] === NEVER);
}

function isRoot(tree, at) {
  return at >= 0 && (tree.phone[at] === tree.root || tree.parent[at] === SERVER);
}

function doneRange(tree) {
  const times = tree.done.filter((t) => t != null);
  return [times.reduce((a, b) => Math.min(a, b), Infinity),
    times.reduce((a, b) => Math.max(a, b), -Infinity)];
}

/* The same nodes with their looks, cut off at `levels`. */
function dress(c, tree, nested, levels, prefix, narrow) {
  const [low, high] = doneRange(tree);
  const colour = (at) => (tree.done[at] == null ? c.panel
    : ramp(high > low ? (tree.done[at] - low) / (high - low) : 0));
  for (const node of nested.order) {
    const { at } = node;
    const words = [at >= 0 ? node.name.slice(prefix.length) : node.name];
    if (at === SERVER || at === NEVER) {
      node.symbol = at === SERVER ? 'rect' : 'triangle';
      node.symbolSize = 13;
      node.itemStyle = { color: at === SERVER ? c.navy : c.red, borderColor: c.text };
    } else {
      const bad = failed(tree, at);
      const root = isRoot(tree, at);
      node.symbol = bad ? 'triangle' : root ? 'diamond' : 'circle';
      node.symbolSize = root || bad ? 14 : 9;
      node.itemStyle = { color: bad ? c.red : colour(at), borderColor: c.text, borderWidth: 1 };
      if (!narrow) { /* else the marks alone tell, as the key says */
        words.unshift(...(root ? ['root'] : []), ...(bad ? ['failed'] : []));
      }
    }
    node.collapsed = node.depth >= levels && node.children.length > 0;
    if (node.collapsed || (node.depth === DEPTH_MAX && node.below > 0)) {
      words.push(`(${count(node.below)} below)`);
    }
    node.label = { formatter: words.join(' ') };
    node.value = at;
  }
}

/* What all addresses begin with, up to a dot and without it: ".12" is short for "127.1.0.12". */
function commonPrefix(tree) {
  const [first] = tree.phone;
  let len = first.lastIndexOf('.');
  while (len > 0 && !tree.phone.every((name) => name.startsWith(`${first.slice(0, len)}.`))) {
    len = first.lastIndexOf('.', len - 1);
  }
  return first.slice(0, Math.max(len, 0));
}

function leaves(nested, levels) {
  return nested.order.filter((node) => node.depth <= levels &&
    (node.children.length === 0 || node.depth === levels)).length;
}

function key(tree, prefix) {
  const [low, high] = doneRange(tree);
  const scale = el('i', { class: 'ramp', 'aria-hidden': 'true' });
  scale.style.background =
    `linear-gradient(to right, ${[0, 0.25, 0.5, 0.75, 1].map(ramp).join(', ')})`;
  const marks = ['\u25a0 server', '\u25c6 root', '\u25cf phone', '\u25b2 failed'];
  return [...marks.map((mark) => el('span', { class: 'mark' }, mark)),
    el('span', {}, `held the file after ${seconds(low)}`), scale, el('span', {}, seconds(high)),
    prefix === '' ? null : el('span', {}, `${prefix} stands before every dot`)]
    .filter((node) => node !== null);
}

/* The tree to begin with: where phones failed, else of the biggest file (of a small one a root serves
 * phone after phone), the one that took the longest. */
function telling(list, files) {
  const sizes = new Map(files.map(({ file, size }) => [file, size ?? 0]));
  const worth = list.map((tree) => {
    const [low, high] = doneRange(tree);
    const broken = tree.phone.filter((phone, at) => failed(tree, at)).length;
    return [broken, sizes.get(tree.file) ?? 0, high > low ? high - low : 0];
  });
  const isBefore = (a, b) => {
    const differs = a.findIndex((value, i) => value !== b[i]);
    return differs >= 0 && a[differs] > b[differs];
  };
  return worth.reduce((best, one, i) => (isBefore(one, worth[best]) ? i : best), 0);
}

export function trees(parent, id, run) {
  const list = run.trees.list;
  const first = telling(list, run.files);
  let tree = list[first];
  let nested = nest(tree);
  let levels = 0;
  const keyed = el('p', { class: 'key' });
  const depths = el('span', {});
  const wide = () => Math.min(levels, nested.depth);
  const choose = (value) => {
    levels = Number(value);
    figure?.update();
  };
  const take = (at) => {
    tree = list[at];
    nested = nest(tree);
    const whole = tree.phone.length <= WHOLE_MAX;
    levels = tree.phone.length > BIG ? Math.min(LEVELS, nested.depth) : nested.depth;
    const offered = [];
    for (let level = 2; level <= nested.depth; level += 1) {
      if (level === nested.depth ? whole : level <= (whole ? OFFERED : 2 * LEVELS)) {
        offered.push([String(level), level === nested.depth ? `all ${level}` : String(level)]);
      }
    }
    depths.replaceChildren(...(offered.length > 1
      ? [select('Levels open', offered, String(levels), choose)] : []));
  };
  let figure = null;
  const room = () => 220 + wide() *
    (tree.phone.some((phone, at) => failed(tree, at)) ? COLUMN_FAILED : COLUMN);
  /* The page, not the chart, which may be as wide as its tree; paper can't be scrolled. */
  const isNarrow = () => (colours().paper ? room() > PRINT_WIDTH : window.innerWidth < NARROW);
  /* Beside the last column: ".12", and " (62 below)" where branches are closed. */
  const lastNarrow = () => (wide() < nested.depth ? 112 : 76);
  const cut = () => (isNarrow() ? commonPrefix(tree) : '');
  take(first);
  keyed.append(...key(tree, cut())); /* here before the tree is, so that nothing moves */
  const option = (c) => {
    const narrow = isNarrow();
    const prefix = cut();
    dress(c, tree, nested, levels, prefix, narrow);
    keyed.replaceChildren(...key(tree, prefix));
    return {
      tooltip: {
        trigger: 'item',
        formatter: (p) => {
          const at = p.value;
          if (!(at >= 0)) {
            return tip(p.name, []);
          }
          const from = tree.parent[at];
          return tip(tree.phone[at], [
            [null, 'held the file after', seconds(tree.done[at])],
            [null, 'from', from >= 0 ? tree.phone[from] : from === SERVER ? 'the server' : 'nobody'],
            [null, 'phones below it', count(nested.order.find((n) => n.at === at)?.below)],
            [null, 'in the end', tree.outcome[at]],
          ]);
        },
      },
      series: [{
        type: 'tree', data: [nested.server], top: 16, bottom: 16, left: narrow ? 40 : 60,
        right: narrow ? lastNarrow() : 150,
        orient: 'LR', roam: false, expandAndCollapse: true, initialTreeDepth: -1,
        animationDuration: 0, animationDurationUpdate: 0,
        lineStyle: { color: c.axis, width: 1.2, curveness: 0.5 },
        label: { color: c.text, fontSize: 11, position: 'top', align: 'right', offset: [6, 0],
          distance: 5, textBorderColor: c.panel, textBorderWidth: 3 },
        leaves: { label: { position: 'right', verticalAlign: 'middle', align: 'left', offset: [0, 0] } },
        emphasis: { focus: 'none' },
      }],
    };
  };
  const names = list.map((one, i) => [String(i),
    `${one.file}, ${one.site}, ${one.model} (${counted(one.phone.length, 'phone')})`]);
  figure = addFigure(parent, {
    id, title: 'The tree of a file', option,
    afresh: true, /* ECharts 6.1 trips over the difference of two trees */
    controls: [select('Tree', names, String(first), (value) => {
      take(Number(value));
      figure.update();
    }), depths],
    height: () => Math.max(220, leaves(nested, wide()) * ROW + 40),
    minWidth: () => (isNarrow() ? 40 + lastNarrow() + wide() * COLUMN_NARROW : room()),
    summary: () => `${tree.file} in ${tree.site}: ${counted(tree.phone.length, 'phone')}, ` +
      `${counted(Math.max(nested.depth - 1, 0), 'level')} below the root` +
      `${tree.root == null ? '' : ` ${tree.root}`}` +
      (tree.re_elected > 0 ? `, which was elected anew ${counted(tree.re_elected, 'time')}` : '') +
      `. ${run.trees.how}`,
    table: () => ({
      columns: ['phone', 'from', { name: 'held after (s)', number: true }, 'in the end'],
      rows: tree.phone.map((phone, i) => [phone, tree.parent[i] >= 0 ? tree.phone[tree.parent[i]]
        : tree.parent[i] === SERVER ? 'server' : 'nobody',
      tree.done[i] == null ? '' : String(tree.done[i]), tree.outcome[i]]),
    }),
  });
  figure.plot.parentNode.before(keyed);
  figure.plot.parentNode.classList.add('tall');
  return figure;
}
