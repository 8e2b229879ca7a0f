// The files of this server, which of them is shown, and the switcher in the bar.

import { json, make, request } from './pthview-page.js';

export const chosen = (files) => {
    const id = new URLSearchParams(window.location.search).get('file');
    return files.find((entry) => entry.id === id) || files[0];
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

const page = (id) => {
    const params = new URLSearchParams(window.location.search);
    params.set('file', id);
    return `${window.location.pathname}?${params}`;
};

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
        const option = make('option', '', entry.error ? `${entry.name} (error)` : entry.name);
        option.value = entry.id;
        option.selected = entry.id === shown.id;
        select.append(option);
    }
    select.addEventListener('change', () => window.location.assign(page(select.value)));
    select.addEventListener('keydown', (event) => event.stopPropagation());
    return select;
};
