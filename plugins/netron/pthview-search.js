// The search field of the bar and its list of hits.

import { make } from './pthview-page.js';
import { figure } from './pthview-text.js';

const PAUSE = 80; // ms without a key before the server is asked

// {element, focus}. `ask(text)` resolves to {hits: [{kind, index, path}], total}; `pick(hit)` is called for the chosen.
export const searchField = (ask, pick) => {
    const input = make('input');
    const hits = make('ul', 'pthview-hits');
    const element = make('div', 'pthview-search', input, hits);
    let rows = []; // {hit, element}
    let active = 0;
    let timer = 0;
    let asked = 0;
    let shown = ''; // the text that `rows` answer
    input.type = 'text';
    input.placeholder = 'Search names, classes, values (Ctrl+K)';
    input.setAttribute('aria-label', 'Search names, classes and values');
    input.spellcheck = false;

    const close = () => hits.classList.remove('pthview-open');
    const note = (message) => hits.append(make('li', 'pthview-note', message));
    const mark = (at) => {
        active = Math.max(0, Math.min(at, rows.length - 1));
        rows.forEach((row, i) => row.element.classList.toggle('pthview-active', i === active));
        if (rows[active]) {
            rows[active].element.scrollIntoView({ block: 'nearest' });
        }
    };
    const choose = (row) => {
        if (row) {
            close();
            input.blur();
            pick(row.hit);
        }
    };
    const show = (reply) => {
        hits.replaceChildren();
        rows = reply.hits.map((hit) => {
            const row = { hit, element: make('li', '',
                make('span', '', make('bdi', '', hit.path)),
                make('small', '', [hit.text, hit.kind].filter((part) => part).join(' \u00b7 '))) };
            row.element.title = hit.path;
            row.element.addEventListener('pointerdown', (event) => {
                event.preventDefault();
                choose(row);
            });
            hits.append(row.element);
            return row;
        });
        if (reply.error || rows.length === 0) {
            note(reply.error || 'Nothing found.');
        } else if (reply.total > rows.length) {
            note(`${figure(reply.total - rows.length)} more`);
        }
        hits.dataset.query = shown;
        hits.classList.add('pthview-open');
        mark(0);
    };
    const search = async () => {
        const text = input.value.trim();
        const question = ++asked;
        if (!text) {
            rows = [];
            close();
            return;
        }
        const reply = await ask(text).catch((error) => ({ hits: [], total: 0, error: error.message }));
        if (question === asked) {
            shown = text;
            show(reply);
        }
    };
    const enter = async () => {
        if (input.value.trim() !== shown) {
            window.clearTimeout(timer);
            await search();
        }
        choose(rows[active]);
    };

    input.addEventListener('input', () => {
        window.clearTimeout(timer);
        timer = window.setTimeout(search, PAUSE);
    });
    input.addEventListener('focus', () => input.value && search());
    input.addEventListener('blur', close);
    input.addEventListener('keydown', (event) => {
        event.stopPropagation(); // Netron's shortcuts would act on what is typed
        switch (event.key) {
            case 'ArrowDown': mark(active + 1); break;
            case 'ArrowUp': mark(active - 1); break;
            case 'Enter': enter(); break;
            case 'Escape': input.value = ''; input.blur(); break;
            default: return;
        }
        event.preventDefault();
    });
    const focus = () => {
        input.focus();
        input.select();
    };
    // Before Netron's own handlers: Ctrl+K turns its graph, Ctrl+F finds only what is drawn.
    window.addEventListener('keydown', (event) => {
        const control = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
        const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
        if ((control && (event.key === 'k' || event.key === 'f')) || (event.key === '/' && !typing && !event.ctrlKey && !event.altKey)) {
            event.preventDefault();
            event.stopImmediatePropagation();
            focus();
        }
    }, true);
    // Netron moves the focus to the graph after each redraw, also from under what is being typed.
    const target = document.getElementById('target');
    target.focus = (options) => {
        if (document.activeElement !== input) {
            HTMLElement.prototype.focus.call(target, options);
        }
    };
    return { element, focus };
};
