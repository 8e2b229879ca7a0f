// Starts the viewer: takes Netron's page over the moment index.js stores the running viewer in window.__view__, puts
// the bar above the graph and the outline beside it, and opens the shown file.

import { adjustDrawing, onDrawn, reveal } from './pthview-drawing.js';
import { chosen, fileElement, graphs, listing, opening } from './pthview-files.js';
import { json, make, toast } from './pthview-page.js';
import { outline, reserveOutline, toggleOutline } from './pthview-outline.js';
import { saveSelection, wanted } from './pthview-state.js';
import { depthElement } from './pthview-depth.js';
import { describe } from './pthview-facts.js';
import { followGraphs, setSimplified } from './pthview-recorded.js';
import { legend } from './pthview-flow.js';
import { searchField } from './pthview-search.js';
import { watch } from './pthview-reload.js';

const GRAPH_WAIT = 150; // ms that the first drawing waits for the edges

let view = null;

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
    const places = Object.fromEntries(['table', 'overlay', 'keys'].map((name) => [name, make('span')]));
    places.foot = make('div', 'pthview-foot', meaning.element);
    const outlineButton = make('button', 'pthview-button', '\u2630');
    outlineButton.title = 'Outline of modules';
    outlineButton.setAttribute('aria-label', outlineButton.title);
    outlineButton.addEventListener('click', toggleOutline);
    document.body.append(
        make('div', 'pthview-bar', outlineButton, fileElement(files, file), searchElement(file), places.table, info,
            places.overlay, depthElement(view), places.keys),
        tree.element, places.foot);
    onDrawn(meaning.update);
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
        await Promise.race([graphs.first, pause(GRAPH_WAIT)]);
        const { BinaryStream } = await import('./base.js');
        const { Context } = window.exports.browser;
        if (await host._openContext(new Context(host, address, null, file.name, new BinaryStream(bytes))) !== '') {
            throw new Error('The graph could not be drawn.');
        }
        const { installLate } = await import('./pthview-late.js');
        installLate(view, files, file, places);
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
    followGraphs(view, graphs.first).catch((error) => toast(error.message));
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
        adjustDrawing(view);
    }
});

// index.js, which runs before this module and acts once the page is loaded, would first load the parsers of every other
// format, a third of the time to the first graph.
window.exports.preload = (callback) => {
    Promise.all([import('./view.js'), import('./browser.js')]).then(() => callback(), (error) => callback(null, error));
};

