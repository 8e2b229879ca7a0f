// Starts the viewer: takes Netron's page over the moment index.js stores the running viewer in window.__view__, puts
// the bar above the graph and the outline beside it, and opens the shown file.

import { adjustDrawing, onDrawn, reveal } from './pthview-drawing.js';
import { chosen, fileElement, graphs, listing, opening } from './pthview-files.js';
import { json, make, toast } from './pthview-page.js';
import { outline, reserveOutline, toggleOutline } from './pthview-outline.js';
import { addressOf, saveSelection, wanted } from './pthview-state.js';
import { depthElement } from './pthview-depth.js';
import { Overlay } from './pthview-overlay.js';
import { ordered } from './pthview-series.js';
import { TensorTable } from './pthview-table.js';
import { describe } from './pthview-facts.js';
import { followGraphs, setSimplified } from './pthview-recorded.js';
import { installPanel } from './pthview-panel.js';
import { installProperties } from './pthview-properties.js';
import { installKeys } from './pthview-keys.js';
import { legend } from './pthview-flow.js';
import { searchField } from './pthview-search.js';
import { watch } from './pthview-reload.js';

const GRAPH_WAIT = 150; // ms that the first drawing waits for the edges

let view = null;

// Asked for at once, as the document is.
const firstGraphs = graphs.read();
firstGraphs.catch(() => {}); // whoever awaits it reports it
const pause = (ms) => new Promise((resolve) => window.setTimeout(resolve, ms));

// What would leave the page, or do what the bar does.
const pruneMenu = (menu) => {
    const gone = /^(&Open\.\.\.|Report &Issue|&About .*)$/;
    for (const group of menu.items) {
        for (const item of group.items.filter((item) => item.type === 'command' && gone.test(item.label))) {
            menu.unregister(item);
            group.items.splice(group.items.indexOf(item), 1);
        }
        group.items.filter((item) => item.type === 'command' && item.accelerator === 'CmdOrCtrl+K').forEach((item) => {
            menu.unregister(item);
            item.shortcut = '';
        });
    }
    menu.items = menu.items.filter((group) => group.items.length > 0);
};

// In Netron's View menu: all of a recorded graph, or its simplified form.
const addSimplified = (menu) => {
    const group = menu.items.find((group) => /View/.test(group.label));
    if (group) {
        group.add({
            label: () => graphs.simplified ? 'Show E&verything of the Graph' : 'Show &Simplified Graph',
            execute: () => setSimplified(view, !graphs.simplified).catch((error) => toast(error.message)),
            enabled: () => graphs.known.length > 0
        });
    }
};

const searchElement = (file) => {
    const id = encodeURIComponent(file.id);
    const { element, focus } = searchField(
        (text) => json(`api/v1/files/${id}/search?limit=50&q=${encodeURIComponent(text)}`),
        (hit) => hit.kind === 'value' ? view.showModelProperties() : view.revealItem(hit.kind, hit.index));
    view.find = focus;
    return element;
};

const button = (text, title, run) => {
    const element = make('button', 'pthview-button', text);
    element.title = title;
    element.setAttribute('aria-label', title);
    element.addEventListener('click', run);
    return element;
};

// To a neighbour of the shown file, in the order of the run.
const step = (files, file, by) => {
    const entries = ordered(files);
    const next = entries[entries.findIndex(({ id }) => id === file.id) + by];
    if (next) {
        window.location.assign(addressOf(next.id));
    }
};

// What the side panel shows stands in the address and is marked in the outline.
const followSelection = (tree) => {
    const update = view._sidebar._update;
    view._sidebar._update = (stack) => {
        update(stack);
        const entry = view._sidebar._stack[view._sidebar._stack.length - 1];
        const content = entry ? entry.content : null;
        const { modules, tensors } = view.model ? view.model.document : {};
        if (content && content.tensor && tensors) {
            const { index } = content.tensor;
            saveSelection({ kind: 'tensor', path: tensors.name[index] });
            tree.mark(tensors.module[index]);
        } else if (content && content.node && content.node.module >= 0) {
            saveSelection({ kind: 'module', path: modules.path[content.node.module] });
            tree.mark(content.node.module);
        } else {
            saveSelection(null);
        }
    };
};

// What the address says was selected.
const restoreSelection = async () => {
    if (!wanted.select) {
        return;
    }
    const item = view.model.document.findByPath(wanted.select.path);
    if (item) {
        await view.revealItem(item.kind, item.index);
    } else {
        toast(`${wanted.select.path} is not in this file.`);
    }
};

// In place of Netron's own start, which would take addresses from the query and files from drag and drop.
const start = async (host) => {
    reserveOutline();
    const { files, watch: watched } = await listing.catch((error) => {
        host.message(error.message);
        throw error;
    });
    const file = chosen(files);
    pruneMenu(view._menu);
    addSimplified(view._menu);
    const info = make('span', 'pthview-info');
    const tree = outline((module) => view.revealItem('module', module));
    const meaning = legend();
    const table = new TensorTable((index) => view.revealItem('tensor', index));
    const showTable = () => view.model && (table.open ? table.hide() : table.show(view.model.document, overlay.changes));
    const overlay = new Overlay(view, files, file);
    Object.assign(view, { files, overlay });
    const showKeys = installKeys([
        { key: 't', says: 'all tensors as a table', run: showTable },
        { key: 'o', says: 'outline of modules', run: toggleOutline },
        { key: '[]', shown: '[  ]', says: 'the checkpoint before, the next one', run: (key) => step(files, file, key === ']' ? 1 : -1) },
        { key: '0123456789', shown: '0 \u2026 9', says: 'unfold modules to that depth', run: (key) => view.unfoldTo(Number(key)) }
    ]);
    document.body.append(
        make('div', 'pthview-bar', button('\u2630', 'Outline of modules', toggleOutline), fileElement(files, file), searchElement(file),
            button('Tensors', 'All tensors as a table (t)', showTable), info, overlay.element, depthElement(view), button('?', 'Keys', showKeys)),
        tree.element, table.element, make('div', 'pthview-foot', overlay.scale, meaning.element));
    onDrawn(meaning.update);
    onDrawn(() => overlay.paint());
    followSelection(tree);
    watch(file, watched);
    const broken = files.filter((entry) => entry.error && entry !== file);
    if (broken.length > 0) {
        toast(`${broken.map((entry) => entry.name).join(', ')}: cannot be opened. ${broken.length === 1 ? String(broken[0].error) : ''}`.trim());
    }
    try {
        const { address, bytes } = await opening;
        if (!bytes) {
            throw new Error(String(file.error));
        }
        await Promise.race([firstGraphs, pause(GRAPH_WAIT)]);
        const { BinaryStream } = await import('./base.js');
        const { Context } = window.exports.browser;
        if (await host._openContext(new Context(host, address, null, file.name, new BinaryStream(bytes))) !== '') {
            throw new Error('The graph could not be drawn.');
        }
        view.model.data.size = file.size;
        describe(info, view, file, view.model.data);
        tree.show(view.model);
        if (view.model.data.tensors === 0) {
            view.showModelProperties(); // nothing to draw: what else the file holds
        }
        document.documentElement.dataset.pthview = 'drawn';
    } catch (error) {
        info.textContent = 'could not be opened';
        view.show('welcome');
        host.message(error.message);
        document.documentElement.dataset.pthview = 'failed';
        return;
    }
    await restoreSelection();
    followGraphs(view, firstGraphs).catch((error) => toast(error.message));
    view.model.document.readScalars().catch((error) => toast(error.message));
};

Object.defineProperty(window, '__view__', {
    configurable: true,
    get: () => view,
    set: (value) => {
        view = value;
        const host = view.host;
        host._getCookie = (name) => name === 'consent' ? '1' : ''; // nothing is collected, so nothing is asked
        host.openURL = () => {};
        host.start = () => start(host);
        view.revealItem = (kind, index) => reveal(view, kind, index).catch((error) => toast(error.message));
        installProperties(window.exports.view);
        installPanel(window.exports.view);
        adjustDrawing(view);
    }
});

// index.js, which runs before this module and acts once the page is loaded, would first load the parsers of every other
// format, a third of the time to the first graph.
window.exports.preload = (callback) => {
    Promise.all([import('./view.js'), import('./browser.js')]).then(() => callback(), (error) => callback(null, error));
};

