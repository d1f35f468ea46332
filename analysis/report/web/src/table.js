/* table.js -- tables: those people read, and the one behind every chart. */
import { el } from './dom.js';

const ROWS_MAX = 1000;

/* `columns`: names, or { name, number: true } for figures that stand to the right, with wide: true
 * for what narrow pages leave out. `rows`: arrays of text or nodes. */
export function table(columns, rows, caption = null) {
  const heads = columns.map((column) => (typeof column === 'string' ? { name: column } : column));
  const shown = rows.slice(0, ROWS_MAX);
  const kind = (head) => [head.number && 'number', head.wide && 'wide'].filter(Boolean).join(' ') || null;
  const cell = (value, at) => el(at === 0 ? 'th' : 'td', {
    scope: at === 0 ? 'row' : null, class: kind(heads[at]),
  }, value);
  const node = el('div', { class: 'scroll', tabindex: 0, role: 'region',
    'aria-label': caption ?? 'Table' },
    el('table', {}, caption === null ? null : el('caption', {}, caption),
      el('thead', {}, el('tr', {}, heads.map((head) =>
        el('th', { scope: 'col', class: kind(head) }, head.name)))),
      el('tbody', {}, shown.map((row) => el('tr', {}, row.map(cell))))));
  if (rows.length > ROWS_MAX) {
    node.append(el('p', { class: 'note' },
      `The first ${ROWS_MAX.toLocaleString('en-US')} of ${rows.length.toLocaleString('en-US')} ` +
      'rows; all of them stand in the CSV files beside the result.'));
  }
  return node;
}

/* The table of a chart, made when somebody opens it. `make` returns { columns, rows }. */
export function lazyTable(title, make) {
  const details = el('details', { class: 'data' }, el('summary', {}, 'The figures as a table'));
  details.addEventListener('toggle', () => {
    details.querySelector('.scroll')?.remove();
    if (details.open) {
      const { columns, rows } = make();
      details.append(table(columns, rows, title));
    }
  });
  return details;
}
