// Starts the viewer: takes Netron's page over the moment index.js stores the running viewer in window.__view__, puts
// the bar above the graph, and opens the shown file.

import { adjustDrawing, reveal } from './pthview-drawing.js';
import { chosen, fileElement, listing, opening } from './pthview-files.js';
import { json, make, toast } from './pthview-page.js';
import { describe } from './pthview-facts.js';
import { searchField } from './pthview-search.js';
import { watch } from './pthview-reload.js';

let view = null;

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

const searchElement = (file) => {
    const id = encodeURIComponent(file.id);
    const { element, focus } = searchField(
        (text) => json(`api/v1/files/${id}/search?limit=50&q=${encodeURIComponent(text)}`),
        (hit) => reveal(view, hit.kind, hit.index).catch((error) => toast(error.message)));
    view.find = focus;
    return element;
};

// In place of Netron's own start, which would take addresses from the query and files from drag and drop.
const start = async (host) => {
    const { files, watch: watched } = await listing;
    const file = chosen(files);
    pruneMenu(view._menu);
    const info = make('span', 'pthview-info');
    document.body.append(make('div', 'pthview-bar', fileElement(files, file), searchElement(file), info));
    if (watched) {
        watch(file);
    }
    try {
        const { address, bytes } = await opening;
        if (!bytes) {
            throw new Error(String(file.error));
        }
        const { BinaryStream } = await import('./base.js');
        const { Context } = window.exports.browser;
        if (await host._openContext(new Context(host, address, null, file.name, new BinaryStream(bytes))) !== '') {
            throw new Error('The graph could not be drawn.');
        }
        describe(info, view, file, view.model.data);
        if (view.model.data.tensors === 0) {
            view.showModelProperties(); // nothing to draw: what else the file holds
        }
        document.documentElement.dataset.pthview = 'drawn';
    } catch (error) {
        info.textContent = 'could not be opened';
        view.show('welcome');
        host.message(error.message);
        document.documentElement.dataset.pthview = 'failed';
    }
};

Object.defineProperty(window, '__view__', {
    configurable: true,
    get: () => view,
    set: (value) => {
        view = value;
        const host = view.host;
        host._getCookie = (name) => name === 'consent' ? '1' : ''; // nothing is collected, so nothing is asked
        host.save = null; // it would save the first 10,000 values as if they were the tensor
        host.openURL = () => {};
        host.start = () => start(host);
        adjustDrawing(view);
    }
});

// index.js, which runs before this module and acts once the page is loaded, would first load the parsers of every other
// format, a third of the time to the first graph.
window.exports.preload = (callback) => {
    Promise.all([import('./view.js'), import('./browser.js')]).then(() => callback(), (error) => callback(null, error));
};
