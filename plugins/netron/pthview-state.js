// What of the view stands in the page's address, behind the #: the part that is drawn, what is unfolded, the zoom, what
// is selected. It survives reloading, --watch and the switch to another file; modules and tensors are named, so that
// they are found again in a file of the same names.

const OPEN_MOST = 300; // blocks; an address must not grow without end

const saved = new URLSearchParams(window.location.hash.substring(1));

const get = (name) => saved.get(name) || '';

// What the address said when the page was opened. `select` is {kind, path} or null; kind is 'tensor' or 'module'.
export const wanted = {
    open: new Set(get('open').split('\n').filter((key) => key)),
    opened: saved.has('open'),
    zoom: Math.min(1.4, Math.max(0.15, Number(get('zoom')) || 1)),
    part: saved.has('part') ? get('part') : null,
    select: /^(tensor|module):./s.test(get('select')) ?
        { kind: get('select').split(':')[0], path: get('select').substring(get('select').indexOf(':') + 1) } : null
};

// The address of another file, in the state of this one.
export const addressOf = (id) => {
    const params = new URLSearchParams(window.location.search);
    params.set('file', id);
    return `${window.location.pathname}?${params}${window.location.hash}`;
};

const write = () => {
    const text = saved.toString();
    const address = `${window.location.pathname}${window.location.search}${text ? `#${text}` : ''}`;
    window.history.replaceState(null, '', address);
};

// What is selected; null for nothing.
export const saveSelection = (selection) => {
    if (selection) {
        saved.set('select', `${selection.kind}:${selection.path}`);
    } else {
        saved.delete('select');
    }
    write();
};

// What is drawn, and how.
export const saveDrawing = (view) => {
    if (!view.target || !view.activeTarget) {
        return;
    }
    const keys = Array.from(view.target.blocks, (block) => block.key).filter((key) => key);
    saved.set('open', keys.slice(0, OPEN_MOST).join('\n'));
    saved.set('part', view.activeTarget.part || '');
    const zoom = Math.round(view.target.zoom * 100) / 100;
    if (zoom === 1) {
        saved.delete('zoom');
    } else {
        saved.set('zoom', String(zoom));
    }
    write();
};

// The blocks below `graph` of these keys, as far as those that hold them are among them, too.
export const blocksByKey = (graph, keys) => {
    const blocks = new Set();
    const visit = (level) => {
        for (const { block } of level.nodes) {
            if (block && keys.has(block.key)) {
                blocks.add(block);
                visit(block);
            }
        }
    };
    visit(graph);
    return blocks;
};

// The part that was drawn, among the parts of a model: null when the address names none of them.
export const restoredPart = (graphs) =>
    wanted.part === null ? null : graphs.find((graph) => graph.part === wanted.part) || null;

// The state in which `graph` was left, for Netron: {blocks, zoom}; null when the address says nothing of it.
export const restored = (graph) => {
    if (!wanted.opened) {
        return null;
    }
    return { blocks: blocksByKey(graph, wanted.open), zoom: wanted.zoom };
};
