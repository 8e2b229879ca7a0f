// The page of all tensors: a table to sort and filter, of which only the rows in sight exist.

import { figure, list, plural, size, text } from './pthview-text.js';
import { KINDS } from './pthview-tensor.js';
import { figuresOf } from './pthview-figures.js';
import { make, toast } from './pthview-page.js';
import { shown } from './pthview-window.js';

const ROW = 22; // pixels
const SPARE = 10; // rows beyond the edges
const PAUSE = 60; // ms without a key before the rows are filtered

// Name of the column, what it shows of tensor `i`, what it is sorted by, and whether it is a number.
const COLUMNS = [
    { name: 'name', text: (t, i) => text(t.name[i]), key: (t, i) => i },
    { name: 'kind', text: (t, i) => KINDS[t.kind[i]] || '', key: (t, i) => t.kind[i] },
    { name: 'dtype', text: (t, i) => text(t.dtype[i]), key: (t, i) => text(t.dtype[i]) },
    { name: 'shape', text: (t, i) => list(t.shape[i]).join(' \u00D7 ') || '()', key: (t, i) => list(t.shape[i]).length },
    { name: 'elements', number: true, text: (t, i) => figure(elements(t, i)), key: (t, i) => elements(t, i) },
    { name: 'bytes', number: true, text: (t, i) => size(t.nbytes[i] || 0), key: (t, i) => t.nbytes[i] || 0 },
    { name: 'warning', text: (t, i, known) => warning(t, i, known), key: (t, i, known) => (warning(t, i, known) ? 0 : 1) }
];

// Once the figures of the values are asked for.
const FIGURES = ['min', 'max', 'mean', 'std'].map((name) => ({
    name, number: true, text: (t, i, known) => known.has(i) ? shown(known.get(i)[name]) : '\u2026',
    key: (t, i, known) => known.has(i) && !Number.isNaN(known.get(i)[name]) ? known.get(i)[name] : -Infinity
}));

const elements = (tensors, i) => list(tensors.shape[i]).reduce((a, b) => a * b, 1);
const CHANGE = { equal: 'equal', only_a: 'only here', shape: 'other shape', unread: 'not compared' };
const changeText = (change) => !change ? '' : CHANGE[change.verdict] || `${(100 * change.relative).toPrecision(3)} %`;
const warning = (tensors, i, known) => {
    const figures = known && known.get(i);
    return ['', 'no bytes', 'outside its storage', ''][tensors.data[i]] || (!figures ? '' :
        figures.not_finite > 0 ? `${figure(figures.not_finite)} not finite` :
            figures.zeros === figures.count && figures.count > 0 ? 'all zero' :
                figures.std === 0 && figures.count > 1 ? 'all the same' : '');
};

// 'conv bias float32 64x3' as tests, each of which a row must pass: on the name, or on dtype, shape, kind or warning.
const testsOf = (query) => query.toLowerCase().split(/\s+/).filter((word) => word).map((word) => {
    if (/[*?]/.test(word)) {
        const pattern = word.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*+/g, '.*').replace(/\?/g, '.');
        const glob = new RegExp(`^${pattern}$`);
        return (name) => glob.test(name);
    }
    const shape = /^\d+([x\u00D7,]\d+)+$/.test(word) ? word.replace(/[x,]/g, '\u00D7') : null;
    return (name, other) => name.includes(word) || other.includes(shape || word);
});

export class TensorTable {

    // `pick(index)` is called for the chosen tensor.
    constructor(pick) {
        this._pick = pick;
        this._sort = { column: 0, down: false };
        this._columns = COLUMNS;
        this._pool = []; // elements of rows
        this._figures = null; // tensor -> figures, once asked for
        this._left = 0; // where the table was scrolled to
        this._rows = new Uint32Array(0);
        this._cursor = 0;
        this._query = make('input', 'pthview-table-query');
        this._query.placeholder = 'Filter: words, globs, float16, 64x3, no bytes';
        this._query.setAttribute('aria-label', 'Filter tensors');
        this._count = make('span', 'pthview-table-count');
        this._ask = make('button', 'pthview-button', 'Read the values');
        this._ask.title = 'Statistics of all tensors, and warnings about them; reads the whole file';
        this._close = make('button', 'pthview-button', 'Back to the graph');
        this._head = make('div', 'pthview-table-head');
        this._head.setAttribute('role', 'row');
        this._body = make('div', 'pthview-table-body');
        this._scroll = make('div', 'pthview-table-scroll', this._head, this._body);
        this._scroll.tabIndex = 0;
        this.element = make('section', 'pthview-table',
            make('div', 'pthview-table-bar', this._query, this._count, this._ask, this._close), this._scroll);
        this.element.setAttribute('role', 'table');
        this.element.setAttribute('aria-label', 'Tensors');
        this.element.hidden = true;
        this._listen();
    }

    get open() {
        return !this.element.hidden;
    }

    // The table of `document` (pthview-document.js), with what has changed from another file where that is known. Left and
    // come back to, it is as it was.
    show(document, changes) {
        this.element.hidden = false;
        this._query.focus();
        if (this._document === document && this._changes === changes) {
            this._scroll.scrollTop = this._left;
            this._render();
            return;
        }
        if (this._document !== document) {
            this._figures = null;
        }
        [this._document, this._changes, this._tensors] = [document, changes, document.tensors];
        this._setColumns();
        this._filter();
    }

    _setColumns() {
        const changes = this._changes;
        this._pool = [];
        this._body.replaceChildren();
        this._columns = [...COLUMNS, ...(this._figures ? FIGURES : []), ...(changes ? [{
            name: 'change', text: (t, i) => changeText(changes.rows.get(i)),
            key: (t, i) => {
                const change = changes.rows.get(i) || {};
                return change.verdict === 'equal' ? -1 : change.verdict === 'differs' || change.verdict === 'close' ? change.relative : 1e308;
            },
            number: true
        }] : [])];
        this._sort.column = Math.min(this._sort.column, this._columns.length - 1);
        this._headings();
    }

    // Asks for the figures of all tensors, as long as the table is looked at.
    async _readFigures() {
        this._figures = new Map();
        this._setColumns();
        this._filter();
        const document = this._document;
        let drawn = performance.now();
        await figuresOf(document.id, (figures, whole) => {
            if (document !== this._document) {
                return false;
            }
            this._figures = figures;
            if (whole || performance.now() - drawn > 500) {
                drawn = performance.now();
                this._pool.forEach((row) => { row.tensor = -1; });
                whole && this._sort.column > 0 ? this._filter() : this._render();
            }
            this._ask.textContent = whole ? 'Values read' : `${figure(figures.size)} read\u2026`;
            return this.open;
        });
    }

    hide() {
        this._left = this._scroll.scrollTop;
        this.element.hidden = true;
    }

    _listen() {
        let timer = 0;
        this._query.addEventListener('input', () => {
            window.clearTimeout(timer);
            timer = window.setTimeout(() => this._filter(), PAUSE);
        });
        this._ask.addEventListener('click', () => this._readFigures().catch((error) => toast(error.message)));
        this._close.addEventListener('click', () => this.hide());
        this._scroll.addEventListener('scroll', () => this._render(), { passive: true });
        new ResizeObserver(() => this.open && this._render()).observe(this._scroll);
        this.element.addEventListener('keydown', (event) => {
            const page = Math.max(1, Math.floor(this._scroll.clientHeight / ROW) - 1);
            const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
            if (event.ctrlKey || event.metaKey || event.altKey) {
                return;
            }
            event.stopPropagation();
            if (moves[event.key]) {
                event.preventDefault();
                this._move(this._cursor + moves[event.key]);
            } else if (event.key === 'Enter' && this._rows.length > 0) {
                this._choose(this._cursor);
            } else if (event.key === 'Escape') {
                this.hide();
            }
        });
    }

    _headings() {
        this._head.replaceChildren(...this._columns.map((column, i) => {
            const sign = this._sort.column === i ? (this._sort.down ? ' \u25BE' : ' \u25B4') : '';
            const button = make('button', `pthview-table-cell pthview-column-${column.name}`, `${column.name}${sign}`);
            button.setAttribute('role', 'columnheader');
            button.setAttribute('aria-sort', sign ? (this._sort.down ? 'descending' : 'ascending') : 'none');
            button.addEventListener('click', () => {
                this._sort = { column: i, down: this._sort.column === i ? !this._sort.down : Boolean(column.number) };
                this._headings();
                this._filter();
            });
            return button;
        }));
    }

    _filter() {
        const tensors = this._tensors;
        const count = list(tensors.name).length;
        const tests = testsOf(this._query.value);
        const rows = [];
        for (let i = 0; i < count; i++) {
            if (tests.length > 0) {
                const name = text(tensors.name[i]).toLowerCase();
                const other = [text(tensors.dtype[i]), list(tensors.shape[i]).join('\u00D7'), KINDS[tensors.kind[i]] || '', warning(tensors, i, this._figures),
                    ...this._columns.slice(COLUMNS.length).map((column) => column.text(tensors, i, this._figures))].join(' ');
                if (!tests.every((test) => test(name, other))) {
                    continue;
                }
            }
            rows.push(i);
        }
        const { column, down } = this._sort;
        const keys = column === 0 ? null : rows.map((i) => this._columns[column].key(tensors, i, this._figures));
        let order = rows.map((_, at) => at);
        if (keys) {
            order.sort((a, b) => (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : a - b));
        }
        order = down ? order.reverse() : order;
        this._rows = Uint32Array.from(order, (at) => rows[at]);
        this._count.textContent = rows.length === count ? plural(count, 'tensor') : `${figure(rows.length)} of ${plural(count, 'tensor')}`;
        this._body.style.height = `${this._rows.length * ROW}px`;
        this._cursor = 0;
        this._scroll.scrollTop = 0;
        this._render();
    }

    // Rows are made once and filled again: scrolling makes nothing.
    _render() {
        const first = Math.max(0, Math.floor(this._scroll.scrollTop / ROW) - SPARE);
        const last = Math.min(this._rows.length, Math.ceil((this._scroll.scrollTop + this._scroll.clientHeight) / ROW) + SPARE);
        const count = Math.max(0, last - first);
        while (this._pool.length < count) {
            this._pool.push(this._rowElement());
        }
        if (this._body.childElementCount !== count) {
            this._body.replaceChildren(...this._pool.slice(0, count));
        }
        for (let i = 0; i < count; i++) {
            this._fill(this._pool[i], first + i);
        }
    }

    _rowElement() {
        const row = make('div', 'pthview-table-row', ...this._columns.map((column) => {
            const cell = make('span', `pthview-table-cell pthview-column-${column.name}`, '');
            cell.setAttribute('role', 'cell');
            return cell;
        }));
        row.setAttribute('role', 'row');
        row.addEventListener('click', () => this._choose(row.position));
        return row;
    }

    _fill(row, at) {
        const i = this._rows[at];
        if (row.tensor !== i) {
            this._columns.forEach((column, c) => { row.children[c].textContent = column.text(this._tensors, i, this._figures); });
            row.firstChild.title = text(this._tensors.path[i]);
            row.tensor = i;
        }
        if (row.position !== at) {
            row.style.transform = `translateY(${at * ROW}px)`;
            row.position = at;
        }
        row.classList.toggle('pthview-cursor', at === this._cursor);
    }

    _move(to) {
        this._cursor = Math.max(0, Math.min(this._rows.length - 1, to));
        const top = this._cursor * ROW;
        if (top < this._scroll.scrollTop) {
            this._scroll.scrollTop = top;
        } else if (top + 2 * ROW > this._scroll.scrollTop + this._scroll.clientHeight) { // the headings take a row
            this._scroll.scrollTop = top + 2 * ROW - this._scroll.clientHeight;
        }
        this._render();
    }

    _choose(at) {
        this._cursor = at;
        this.hide();
        this._pick(this._rows[at]);
    }
}
