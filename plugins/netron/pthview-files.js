// The files, which of them is shown, and the switcher in the bar.

import { json, make, request } from './pthview-page.js';
import { addressOf } from './pthview-state.js';

// The one that the address names; else the first that could be opened.
export const chosen = (files) => {
    const id = new URLSearchParams(window.location.search).get('file');
    return files.find((entry) => entry.id === id) || files.find((entry) => !entry.error) || files[0];
};

// {files, watch}; asked for while Netron's own modules still load, as is the document of the shown file.
export const listing = json('api/v1/files');

// {address, bytes}; bytes is null for a file that could not be opened.
export const opening = listing.then(async ({ files }) => {
    const file = chosen(files);
    const address = `data/${encodeURIComponent(file.id)}.netron`;
    const read = async () => new Uint8Array(await (await request(address)).arrayBuffer());
    return { address, bytes: file.error ? null : await read() };
});
opening.catch(() => {}); // whoever awaits it reports it

// The graphs of the shown file: `known` once they are there. `read()` asks for them; the answer is the server's,
// {state, graphs, ...}.
export const graphs = {
    known: [],
    simplified: true,
    async read() {
        const { files } = await listing;
        const file = chosen(files);
        if (file.error) {
            return { state: 'none' };
        }
        const id = encodeURIComponent(file.id);
        const reply = await json(`api/v1/files/${id}/graph`);
        this.known = Array.isArray(reply.graphs) ? reply.graphs : [];
        return reply;
    }
};

// Asked for at once, as the document is.
graphs.first = graphs.read();
graphs.first.catch(() => {}); // whoever awaits it reports it

// The name of the only file, or a list to choose from.
export const fileElement = (files, shown) => {
    if (files.length === 1) {
        const element = make('span', 'pthview-file', shown.name);
        element.title = shown.name;
        return element;
    }
    const select = make('select', 'pthview-file');
    select.title = 'Files';
    for (const entry of files) {
        const option = make('option', '', entry.error ? `${entry.name} (cannot be opened)` : entry.name);
        option.value = entry.id;
        option.selected = entry.id === shown.id;
        option.title = entry.error ? String(entry.error) : entry.name;
        select.append(option);
    }
    select.addEventListener('change', () => window.location.assign(addressOf(select.value)));
    select.addEventListener('keydown', (event) => event.stopPropagation());
    return select;
};
