/* dom.js -- elements made of data. Text only ever goes in as text: whatever a scenario or a server
 * calls itself, it is shown and never parsed. */

/* el('p', { class: 'note' }, 'text', node, ...): null and undefined children are left out. An
 * attribute that begins with "on" is a listener; true sets it empty, false and null leave it out. */
export function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith('on')) {
      node.addEventListener(name.slice(2), value);
    } else if (value === true) {
      node.setAttribute(name, '');
    } else if (value !== false && value != null) {
      node.setAttribute(name, String(value));
    }
  }
  node.append(...children.flat().filter((child) => child != null).map((child) =>
    child instanceof Node ? child : document.createTextNode(String(child))));
  return node;
}

/* A labelled select box; `choices`: [value, text]. Calls `changed` with the chosen value. */
export function select(label, choices, value, changed) {
  const box = el('select', { 'aria-label': label, onchange: () => changed(box.value) },
    choices.map(([key, text]) => el('option', { value: key, selected: key === value }, text)));
  return el('label', { class: 'choice' }, el('span', {}, label), box);
}

/* Buttons of which one is pressed. */
export function toggle(label, choices, value, changed) {
  const buttons = choices.map(([key, text]) => el('button', {
    type: 'button', 'aria-pressed': key === value ? 'true' : 'false',
    onclick: (event) => {
      for (const button of buttons) {
        button.setAttribute('aria-pressed', button === event.currentTarget ? 'true' : 'false');
      }
      changed(key);
    },
  }, text));
  return el('div', { class: 'toggle', role: 'group', 'aria-label': label }, buttons);
}

let sections = 0;

/* A section with its heading, listed in the contents when `short` is given. */
export function section(parent, title, { level = 2, short = null } = {}) {
  sections += 1;
  const id = `section-${sections}`;
  const node = el('section', { 'aria-labelledby': id },
    el(`h${level}`, { id, tabindex: -1 }, title));
  parent.append(node);
  if (short !== null) {
    document.getElementById('contents').append(el('a', { href: `#${id}` }, short));
  }
  return node;
}
