/* main.js -- finds the view in the page and draws it; without one, asks the server for it. */
import { about } from './about.js';
import { comparePage } from './compare.js';
import { el } from './dom.js';
import { watch } from './live.js';
import { runPage } from './run.js';
import { sweepPage } from './sweep.js';
import { isDark, onTheme, setTheme } from './theme.js';
import { readView } from './view.js';

const EVENTS = 'events'; /* beside the page, on the server that watches a run */

const PAGES = { run: runPage, compare: comparePage, sweep: sweepPage };

const main = document.getElementById('main');

function build(view) {
  document.title = `${view.title} \u2013 pfsim`;
  const page = PAGES[view.kind];
  if (page === undefined) {
    throw new Error(`a report of the kind "${view.kind}" is not known`);
  }
  page(main, view);
  about(main, view);
  main.append(el('p', { class: 'hidden', id: 'chart-keys' }, 'Left and right move from point to ' +
    'point, up and down from curve to curve, plus and minus zoom where sliders are, Escape hides the ' +
    'figures. Every chart has a table.'));
}

function themeButton() {
  const button = document.getElementById('theme');
  const name = () => {
    button.textContent = isDark() ? 'Light' : 'Dark';
    button.setAttribute('aria-label', `${isDark() ? 'Light' : 'Dark'} colours`);
  };
  button.addEventListener('click', () => setTheme(isDark() ? 'light' : 'dark'));
  onTheme(name);
  name();
}

themeButton();
try {
  const data = document.getElementById('view');
  if (data === null) {
    watch(main, EVENTS, readView, build);
  } else {
    build(readView(data.textContent));
  }
} catch (error) {
  main.prepend(el('div', { class: 'banner bad', role: 'alert' },
    el('strong', {}, 'This report cannot be drawn: '), error.message));
  document.documentElement.dataset.drawn = 'failed';
}
