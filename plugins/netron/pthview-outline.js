// The modules of the file as a tree at the left: rows are made only for what is in sight.

import { make } from './pthview-page.js';
import { rounded, text } from './pthview-text.js';

const ROW = 22; // pixels
const SPARE = 8; // rows beyond the edges
const KEPT = 'pthview-outline'; // in localStorage: 'open' or 'closed'

const remembered = () => {
    try {
        return window.localStorage.getItem(KEPT);
    } catch {
        return null; // storage is switched off
    }
};
const remember = (open) => {
    try {
        window.localStorage.setItem(KEPT, open ? 'open' : 'closed');
    } catch {
        // it is open again the next time
    }
};

// The room for it is there from the start, so that the graph is drawn once, in its place.
export const reserveOutline = () => {
    const kept = remembered();
    document.documentElement.classList.toggle('pthview-outlined', kept ? kept === 'open' : window.innerWidth >= 1200);
};

export const toggleOutline = () => {
    remember(document.documentElement.classList.toggle('pthview-outlined'));
};

// {element, show(model), mark(module), focus}; `pick(module)` is called for the chosen one.
export const outline = (pick) => {
    const rows = make('div', 'pthview-outline-rows');
    const element = make('nav', 'pthview-outline', rows);
    element.setAttribute('aria-label', 'Modules');
    rows.setAttribute('role', 'tree');
    rows.tabIndex = 0;
    let document_ = null;
    let visible = []; // {module, depth, parts: its part's name or ''}
    let roots = [];
    const open = new Set();
    let marked = -1;
    let cursor = 0;

    const flatten = () => {
        visible = [];
        const pending = roots.map((root) => ({ ...root, depth: 0 })).reverse();
        while (pending.length > 0) {
            const row = pending.pop();
            visible.push(row);
            if (open.has(row.module)) {
                const children = document_.tree.children(row.module);
                for (let i = children.length - 1; i >= 0; i--) {
                    pending.push({ module: children[i], depth: row.depth + 1, title: '' });
                }
            }
        }
    };
    const rowElement = ({ module, depth, title }, at) => {
        const children = document_.tree.children(module).length;
        const sign = make('span', 'pthview-outline-sign', children === 0 ? '' : open.has(module) ? '\u25BE' : '\u25B8');
        const type = document_.className(module).split('.').pop();
        const element = make('div', 'pthview-outline-row', sign,
            make('b', '', title || document_.localName(module)), make('span', '', type),
            make('small', '', document_.tree.parameters[module] > 0 ? rounded(document_.tree.parameters[module]) : ''));
        element.style.top = `${at * ROW}px`;
        element.style.paddingLeft = `${6 + 12 * Math.min(depth, 12)}px`;
        element.title = document_.path(module) || title;
        element.setAttribute('role', 'treeitem');
        element.setAttribute('aria-level', String(depth + 1));
        if (children > 0) {
            element.setAttribute('aria-expanded', String(open.has(module)));
        }
        element.classList.toggle('pthview-marked', module === marked);
        element.classList.toggle('pthview-cursor', at === cursor);
        sign.addEventListener('click', (event) => {
            event.stopPropagation();
            flip(module);
        });
        element.addEventListener('click', () => {
            cursor = at;
            mark(module);
            pick(module);
        });
        return element;
    };
    const render = () => {
        const first = Math.max(0, Math.floor(element.scrollTop / ROW) - SPARE);
        const last = Math.min(visible.length, Math.ceil((element.scrollTop + element.clientHeight) / ROW) + SPARE);
        rows.style.height = `${visible.length * ROW}px`;
        rows.replaceChildren(...visible.slice(first, last).map((row, i) => rowElement(row, first + i)));
    };
    const flip = (module) => {
        if (!open.delete(module)) {
            open.add(module);
        }
        flatten();
        render();
    };
    const scrollTo = (at) => {
        const [top, bottom] = [at * ROW, (at + 1) * ROW];
        if (top < element.scrollTop || bottom > element.scrollTop + element.clientHeight) {
            element.scrollTop = Math.max(0, top - element.clientHeight / 2);
        }
    };
    // Shows where `module` stands; -1 for none.
    const mark = (module) => {
        marked = module;
        if (document_ && module >= 0) {
            for (let at = document_.tree.parents[module]; at >= 0; at = document_.tree.parents[at]) {
                open.add(at);
            }
            flatten();
            const at = visible.findIndex((row) => row.module === module);
            if (at >= 0) {
                cursor = at;
                scrollTo(at);
            }
        }
        render();
    };
    const show = (model) => {
        document_ = model.document;
        roots = model.modules.filter(({ method }) => !method).map((graph) => ({ module: graph.root, title: text(graph.part) || 'model' }));
        // The first part stands open, as far as there is only one way down.
        for (let at = roots.length > 0 ? roots[0].module : -1; at >= 0;) {
            open.add(at);
            const children = document_.tree.children(at);
            at = children.length === 1 ? children[0] : -1;
        }
        flatten();
        render();
    };
    const keys = {
        ArrowDown: () => { cursor = Math.min(cursor + 1, visible.length - 1); },
        ArrowUp: () => { cursor = Math.max(cursor - 1, 0); },
        ArrowRight: () => {
            if (!open.has(visible[cursor].module)) {
                flip(visible[cursor].module);
            } else {
                cursor = Math.min(cursor + 1, visible.length - 1);
            }
        },
        ArrowLeft: () => {
            const { module, depth } = visible[cursor];
            if (open.has(module)) {
                flip(module);
            } else {
                for (let at = cursor; at >= 0; at--) {
                    if (visible[at].depth < depth) {
                        cursor = at;
                        break;
                    }
                }
            }
        },
        Enter: () => {
            mark(visible[cursor].module);
            pick(visible[cursor].module);
        }
    };
    rows.addEventListener('keydown', (event) => {
        if (keys[event.key] && visible[cursor] && !event.ctrlKey && !event.metaKey && !event.altKey) {
            event.preventDefault();
            event.stopPropagation();
            keys[event.key]();
            scrollTo(cursor);
            render();
        }
    });
    element.addEventListener('scroll', render, { passive: true });
    new ResizeObserver(render).observe(element);
    return { element, show, mark, focus: () => rows.focus() };
};
