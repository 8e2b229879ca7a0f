// What the first drawing does not wait for: panels, the table of tensors, figures as colours, the keys.

import { Overlay } from './pthview-overlay.js';
import { TensorTable } from './pthview-table.js';
import { addressOf } from './pthview-state.js';
import { installKeys } from './pthview-keys.js';
import { installPanel } from './pthview-panel.js';
import { installProperties } from './pthview-properties.js';
import { make } from './pthview-page.js';
import { onDrawn } from './pthview-drawing.js';
import { ordered } from './pthview-series.js';
import { toggleOutline } from './pthview-outline.js';

// To a neighbour of the shown file, in the order of the run.
const step = (files, file, by) => {
    const entries = ordered(files);
    const next = entries[entries.findIndex(({ id }) => id === file.id) + by];
    if (next) {
        window.location.assign(addressOf(next.id));
    }
};

export const button = (text, title, run) => {
    const element = make('button', 'pthview-button', text);
    element.title = title;
    element.setAttribute('aria-label', title);
    element.addEventListener('click', run);
    return element;
};

// `places` are where the bar has room for them: {table, overlay, keys, foot}.
export const installLate = (view, files, file, places) => {
    installProperties(window.exports.view);
    installPanel(window.exports.view);
    const overlay = new Overlay(view, files, file);
    Object.assign(view, { files, overlay });
    const table = new TensorTable((index) => view.revealItem('tensor', index));
    const showTable = () => view.model && (table.open ? table.hide() : table.show(view.model.document, overlay.changes));
    const showKeys = installKeys([
        { key: 't', says: 'all tensors as a table', run: showTable },
        { key: 'o', says: 'outline of modules', run: toggleOutline },
        { key: '[]', shown: '[  ]', says: 'the checkpoint before, the next one', run: (key) => step(files, file, key === ']' ? 1 : -1) },
        { key: '0123456789', shown: '0 \u2026 9', says: 'unfold modules to that depth', run: (key) => view.unfoldTo(Number(key)) }
    ]);
    places.table.replaceWith(button('Tensors', 'All tensors as a table (t)', showTable));
    places.overlay.replaceWith(overlay.element);
    places.keys.replaceWith(button('?', 'Keys', showKeys));
    places.foot.prepend(overlay.scale);
    document.body.append(table.element);
    onDrawn(() => overlay.paint());
};
