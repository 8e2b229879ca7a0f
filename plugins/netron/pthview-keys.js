// The keys of the page, and the list of them that `?` shows.

import { make } from './pthview-page.js';

// Those of Netron that work here, too.
const NETRON = [['Ctrl+D', 'attributes of layers'], ['Ctrl+I', 'tensors of layers'], ['Ctrl+U', 'whole names'], ['Shift+\u2191 Shift+\u2193', 'zoom'],
    ['Shift+Backspace', 'zoom to 100 %'], ['Ctrl+Enter', 'properties of the graph'], ['Escape', 'close the panel']];

// `actions`: [{key, shown, says, run}]. Keys act where nothing is being typed.
export const installKeys = (actions) => {
    const rows = [['Ctrl+K  /', 'search'], ...actions.map(({ key, shown, says }) => [shown || key, says]), ['?', 'these keys'], ...NETRON];
    const panel = make('dialog', 'pthview-keys', make('h2', '', 'Keys'), make('table', '', ...rows.map(([key, says]) =>
        make('tr', '', make('td', '', make('kbd', '', key)), make('td', '', says)))));
    panel.addEventListener('click', () => panel.close());
    panel.addEventListener('keydown', (event) => {
        event.stopPropagation();
        if (event.key === '?') {
            panel.close();
        }
    });
    document.body.append(panel);
    const show = () => panel.open || panel.showModal();
    window.addEventListener('keydown', (event) => {
        // What has keys of its own keeps them.
        const taken = event.target instanceof Element && event.target.closest('input, select, .pthview-heatmap, .pthview-grid, .pthview-table');
        if (taken || event.ctrlKey || event.metaKey || event.altKey || panel.open) {
            return;
        }
        const action = event.key === '?' ? { run: show } : actions.find(({ key }) => key.includes(event.key) && event.key.length === 1);
        if (action) {
            event.preventDefault();
            event.stopImmediatePropagation();
            action.run(event.key);
        }
    }, true);
    return show;
};
