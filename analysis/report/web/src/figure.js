/* figure.js -- a chart as a reader meets it: heading, one sentence, controls, the picture, and its
 * figures as a table. The picture takes the keyboard (arrows move from point to point, what stands
 * there is read out), follows light and dark, the window's width, and print.
 *
 * Not here: what is drawn. `spec.option(theme, width)` gives ECharts' option. */
import { el } from './dom.js';
import { init } from './echarts.js';
import { lazyTable } from './table.js';
import { chosenTheme, colours, onTheme, setTheme } from './theme.js';

/* As in style.css: ECharts measures text with it. */
const FONT = 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif';
export const PRINT_WIDTH = 700; /* CSS pixels of a printed page's text: A4 and Letter less their margins */
const PRINT_DOTS = 3; /* dots a CSS pixel */
const PRINT_HEIGHT = 230; /* three to a page */
const HEIGHT = 340;
const IDLE_MAX = 100; /* milliseconds: a chart out of sight waits no longer for an idle moment */

const figures = new Set();
const queue = [];
let working = false;

function inWindow(figure) {
  const { top, bottom } = figure.node.getBoundingClientRect();
  return bottom > 0 && top < window.innerHeight;
}

/* Soon, and after the browser has shown what is there. */
function afterPaint(job) {
  requestAnimationFrame(() => setTimeout(job, 0));
}

/* As high as they will be, so that nothing moves under a reader's eyes and what is below the window
 * is known to be. */
function makeRoom() {
  const c = colours();
  const room = queue.filter((figure) => figure.chart === null)
    .map((figure) => [figure, figure.plot.clientWidth]).filter(([, width]) => width > 0);
  for (const [figure, width] of room) {
    figure.plot.style.height = `${heightOf(figure, width, c)}px`;
  }
}

const whenIdle = window.requestIdleCallback
  ? (job) => window.requestIdleCallback(job, { timeout: IDLE_MAX }) : (job) => setTimeout(job, 0);

function opened() {
  if (document.documentElement.dataset.open === undefined) {
    document.documentElement.dataset.open = 'yes';
    performance.mark('open');
  }
}

/* Charts are drawn one after another, so that the page never stands still: first those in the
 * window, then, while the browser has nothing else to do, those below it. <html data-open> says
 * when the window is full (the report is open), <html data-drawn> when all charts are there. */
function work() {
  if (queue.length === 0) {
    working = false;
    opened();
    document.documentElement.dataset.drawn = 'yes';
    return;
  }
  const seen = queue.findIndex(inWindow);
  const [figure] = queue.splice(Math.max(seen, 0), 1);
  figure.draw();
  if (queue.some(inWindow)) {
    setTimeout(work, 0);
  } else if (document.documentElement.dataset.open === undefined) {
    afterPaint(() => {
      opened();
      whenIdle(work);
    });
  } else {
    whenIdle(work);
  }
}

function later(figure) {
  queue.push(figure);
  if (!working) {
    working = true;
    delete document.documentElement.dataset.drawn;
    setTimeout(() => {
      makeRoom();
      work();
    }, 0);
  }
}

/* The box beside the pointer, built of text nodes. `lines`: [colour or null, name, value]. */
export function tip(title, lines) {
  return el('div', { class: 'tip' }, title === null ? null : el('strong', {}, title),
    lines.map(([colour, name, value]) => {
      const dot = el('i', { 'aria-hidden': 'true' });
      dot.style.background = colour ?? 'transparent';
      return el('div', {}, dot, el('span', {}, name), value == null ? null : el('b', {}, value));
    }));
}

function spoken(node) {
  const parts = [...node.children].map((part) => part.tagName === 'STRONG' ? part.textContent
    : [...part.children].map((child) => child.textContent).filter((text) => text !== '').join(' '));
  return parts.join('; ');
}

function base(option, c, figure) {
  const formatter = option.tooltip?.formatter;
  return {
    animation: false,
    textStyle: { color: c.text, fontFamily: FONT },
    ...option,
    tooltip: {
      confine: true, transitionDuration: 0, backgroundColor: c.panel, borderColor: c.axis,
      textStyle: { color: c.text, fontSize: 13 }, axisPointer: { animation: false },
      ...option.tooltip,
      formatter: formatter && ((params) => {
        const node = formatter(params);
        figure.told = node === '' ? '' : spoken(node);
        return node;
      }),
    },
  };
}

/* Zooms the chart's first slider about its middle. */
function zoom(figure, by) {
  const slider = figure.chart.getOption().dataZoom?.[0];
  if (slider === undefined) {
    return false;
  }
  const middle = (slider.start + slider.end) / 2;
  const half = Math.min(Math.max((slider.end - slider.start) / 2 * by, 0.05), 50);
  figure.chart.dispatchAction({ type: 'dataZoom', dataZoomIndex: 0,
    start: Math.max(middle - half, 0), end: Math.min(middle + half, 100) });
  return true;
}

/* Steps through the points of the chart's series. */
function keys(figure, event) {
  if ((event.key === '+' && zoom(figure, 0.5)) || (event.key === '-' && zoom(figure, 2))) {
    event.preventDefault();
    return;
  }
  const usable = figure.spec.rows
    ? figure.spec.rows().map((len, index) => ({ index, len }))
    : figure.chart.getOption().series.map((one, index) => ({ index, len: one.data?.length ?? 0,
      name: one.name, silent: one.silent })).filter((one) => one.len > 0 && !one.silent);
  if (usable.length === 0) {
    return;
  }
  const at = figure.at ?? { series: 0, point: -1 };
  let { series: row, point } = at;
  row = Math.min(row, usable.length - 1);
  const page = Math.max(10, Math.round(usable[row].len / 20));
  switch (event.key) {
    case 'ArrowRight': point += 1; break;
    case 'ArrowLeft': point -= 1; break;
    case 'ArrowDown': row += 1; break;
    case 'ArrowUp': row -= 1; break;
    case 'PageDown': point += page; break;
    case 'PageUp': point -= page; break;
    case 'Home': point = 0; break;
    case 'End': point = Infinity; break;
    case 'Escape':
      figure.chart.dispatchAction({ type: 'hideTip' });
      return;
    default: return;
  }
  event.preventDefault();
  row = (row + usable.length) % usable.length;
  point = Math.min(Math.max(point, 0), usable[row].len - 1);
  figure.at = { series: row, point };
  figure.told = '';
  let where = { seriesIndex: usable[row].index, dataIndex: point };
  if (figure.spec.rows && point >= 0) {
    const { x, y, told } = figure.spec.point(row, point);
    where = { x, y };
    figure.told = spoken(told);
  }
  figure.chart.dispatchAction({ type: 'showTip', ...where });
  figure.says.textContent = figure.told ||
    `${usable[row].name ?? ''}: point ${point + 1} of ${usable[row].len}`;
}

function heightOf({ spec }, width, c) {
  return spec.height?.(width) ?? (c.paper ? PRINT_HEIGHT : HEIGHT) + (spec.taller?.() ?? 0);
}

function draw(figure) {
  const { spec, plot } = figure;
  const width = figure.width ?? plot.clientWidth;
  if (width === 0 || !plot.isConnected) {
    return; /* in a closed box: drawn when it opens */
  }
  const c = colours();
  const height = heightOf(figure, width, c);
  const wide = Math.max(width, spec.minWidth?.() ?? 0);
  plot.style.height = `${height}px`;
  if (figure.chart !== null && spec.canvas && figure.paper !== c.paper) {
    figure.chart.dispose(); /* paper has more dots than a screen */
    figure.chart = null;
  }
  if (figure.chart === null) {
    figure.paper = c.paper;
    figure.chart = init(plot, null, { renderer: spec.canvas ? 'canvas' : 'svg', height, width: wide,
      devicePixelRatio: c.paper ? PRINT_DOTS : window.devicePixelRatio });
    spec.ready?.(figure.chart);
  } else if (figure.chart.getWidth() !== wide || figure.chart.getHeight() !== height) {
    figure.chart.resize({ height, width: wide });
  }
  const kept = figure.chart.getOption()?.legend?.[0]?.selected;
  const option = base(spec.option(c, wide), c, figure);
  if (kept && option.legend) {
    option.legend = { ...option.legend, selected: { ...option.legend.selected, ...kept } };
  }
  if (spec.afresh) {
    figure.chart.clear();
  }
  figure.chart.setOption(option, { notMerge: true });
  if (spec.afresh) {
    const frame = plot.parentNode; /* what is too high is seen from its middle, where its root is */
    frame.scrollTop = (frame.scrollHeight - frame.clientHeight) / 2;
  }
  figure.drawnWidth = width;
  plot.dataset.drawn = 'yes';
}

/* spec: { id, title, summary (text or function), option(colours, width), table(), height(width),
 * taller() (than usual), minWidth(), note() (under the picture; '' for none), controls: [nodes], canvas, afresh (drawn without a look at what
 * was there before), ready(chart) }; and, when a reader steps through something else than the chart's
 * series, rows() (how many points each has) and point(row, i) (where it is, and what is told of it).
 * Returns { node, plot, chart(), update() }. */
export function addFigure(parent, spec) {
  const title = el('h3', { id: `${spec.id}-title` }, spec.title);
  const summary = el('p', { class: 'summary', id: `${spec.id}-summary` });
  const plot = el('div', {
    class: 'plot', id: spec.id, tabindex: 0, role: 'application', 'aria-roledescription': 'chart',
    'aria-describedby': 'chart-keys',
  });
  const says = el('p', { class: 'hidden', 'aria-live': 'polite' });
  const node = el('figure', { class: 'chart', 'aria-labelledby': `${spec.id}-title` },
    el('figcaption', {}, title, summary),
    spec.controls?.length ? el('div', { class: 'controls' }, spec.controls) : null,
    el('div', { class: 'frame' }, plot), says,
    lazyTable(spec.title, () => spec.table()));
  const figure = { spec, node, plot, says, chart: null, paper: false, at: null, told: '', width: null,
    drawnWidth: 0 };
  const note = el('p', { class: 'note' });
  plot.parentNode.after(note);
  const sentence = () => {
    note.textContent = spec.note?.() ?? '';
    note.hidden = note.textContent === '';
    summary.textContent = typeof spec.summary === 'function' ? spec.summary() : spec.summary;
    plot.setAttribute('aria-label', `${spec.title}. ${summary.textContent}`);
  };
  sentence();
  parent.append(node);
  plot.addEventListener('keydown', (event) => figure.chart && keys(figure, event));
  plot.addEventListener('blur', () => figure.chart?.dispatchAction({ type: 'hideTip' }));
  figure.draw = () => draw(figure);
  figures.add(figure);
  new ResizeObserver(() => {
    if (plot.clientWidth !== 0 && figure.width === null && figure.drawnWidth !== plot.clientWidth &&
        figure.drawnWidth !== 0) {
      draw(figure);
    }
  }).observe(plot.parentNode);
  later(figure);
  return {
    node, plot,
    chart: () => figure.chart,
    update() {
      sentence();
      draw(figure);
    },
  };
}

/* Forgets all charts: the page is about to be made anew. */
export function clearFigures() {
  for (const figure of figures) {
    figure.chart?.dispose();
    figure.chart = null;
  }
  figures.clear();
  queue.length = 0;
}

/* A box that is closed at first; its charts are made when it opens, or when the page is printed. */
export function folded(parent, title, fill) {
  let filled = false;
  const body = el('div', { class: 'folded' });
  const node = el('details', { class: 'fold' }, el('summary', {}, title), body);
  node.fill = () => {
    if (!filled) {
      filled = true;
      fill(body);
    }
  };
  node.addEventListener('toggle', () => node.open && node.fill());
  parent.append(node);
  return node;
}

onTheme(() => {
  for (const figure of figures) {
    if (figure.chart !== null) {
      figure.draw();
    }
  }
});

/* On paper: everything open, light, all charts as wide as the page. */
let before = null;
window.addEventListener('beforeprint', () => {
  if (before !== null) {
    return;
  }
  before = { theme: chosenTheme(), folds: [] };
  for (const fold of document.querySelectorAll('details.fold')) {
    before.folds.push([fold, fold.open]);
    fold.open = true;
    fold.fill?.();
  }
  setTheme('paper');
  for (const figure of figures) {
    figure.width = PRINT_WIDTH;
    figure.draw();
  }
});
window.addEventListener('afterprint', () => {
  if (before === null) {
    return;
  }
  for (const [fold, open] of before.folds) {
    fold.open = open;
  }
  for (const figure of figures) {
    figure.width = null;
  }
  setTheme(before.theme);
  before = null;
});
