// The page of all tensors: a table to sort and filter, of which only the rows in sight exist.

import { figure, list, plural, size, text } from './pthview-text.js';
import { KINDS } from './pthview-tensor.js';
import { make } from './pthview-page.js';

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
    { name: 'warning', text: (t, i) => warning(t, i), key: (t, i) => (warning(t, i) ? 0 : 1) }
];

const elements = (tensors, i) => list(tensors.shape[i]).reduce((a, b) => a * b, 1);
const CHANGE = { equal: 'equal', only_a: 'only here', shape: 'other shape', unread: 'not compared' };
const changeText = (change) => !change ? '' : CHANGE[change.verdict] || `${(100 * change.relative).toPrecision(3)} %`;
const warning = (tensors, i) => ['', 'no bytes', 'outside its storage', ''][tensors.data[i]] || '';

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
        this._rows = new Uint32Array(0);
        this._cursor = 0;
        this._query = make('input', 'pthview-table-query');
        this._query.placeholder = 'Filter: words, globs, float16, 64x3, no bytes';
        this._query.setAttribute('aria-label', 'Filter tensors');
        this._count = make('span', 'pthview-table-count');
        this._close = make('button', 'pthview-button', 'Back to the graph');
        this._head = make('div', 'pthview-table-head');
        this._head.setAttribute('role', 'row');
        this._body = make('div', 'pthview-table-body');
        this._scroll = make('div', 'pthview-table-scroll', this._head, this._body);
        this._scroll.tabIndex = 0;
        this.element = make('section', 'pthview-table',
            make('div', 'pthview-table-bar', this._query, this._count, this._close), this._scroll);
        this.element.setAttribute('role', 'table');
        this.element.setAttribute('aria-label', 'Tensors');
        this.element.hidden = true;
        this._listen();
    }

    get open() {
        return !this.element.hidden;
    }

    // The table of `document` (pthview-document.js), with what has changed from another file where that is known.
    show(document, changes) {
        this._tensors = document.tensors;
        this._columns = [...COLUMNS, ...(changes ? [{
            name: 'change', text: (t, i) => changeText(changes.rows.get(i)),
            key: (t, i) => { const change = changes.rows.get(i) || {}; return change.verdict === 'equal' ? -1 : change.verdict === 'differs' ? change.relative : 1e308; },
            number: true
        }] : [])];
        this.element.hidden = false;
        this._headings();
        this._filter();
        this._query.focus();
    }

    hide() {
        this.element.hidden = true;
    }

    _listen() {
        let timer = 0;
        this._query.addEventListener('input', () => {
            window.clearTimeout(timer);
            timer = window.setTimeout(() => this._filter(), PAUSE);
        });
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
                const other = [text(tensors.dtype[i]), list(tensors.shape[i]).join('\u00D7'), KINDS[tensors.kind[i]] || '', warning(tensors, i),
                    ...this._columns.slice(COLUMNS.length).map((column) => column.text(tensors, i))].join(' ');
                if (!tests.every((test) => test(name, other))) {
                    continue;
                }
            }
            rows.push(i);
        }
        const { column, down } = this._sort;
        const keys = column === 0 ? null : rows.map((i) => this._columns[column].key(tensors, i));
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

    _render() {
        const first = Math.max(0, Math.floor(this._scroll.scrollTop / ROW) - SPARE);
        const last = Math.min(this._rows.length, Math.ceil((this._scroll.scrollTop + this._scroll.clientHeight) / ROW) + SPARE);
        const rows = [];
        for (let at = first; at < last; at++) {
            const i = this._rows[at];
            const row = make('div', 'pthview-table-row', ...this._columns.map((column) => {
                const cell = make('span', `pthview-table-cell pthview-column-${column.name}`, column.text(this._tensors, i));
                cell.setAttribute('role', 'cell');
                return cell;
            }));
            row.firstChild.title = text(this._tensors.path[i]);
            row.style.transform = `translateY(${at * ROW}px)`;
            row.setAttribute('role', 'row');
            row.classList.toggle('pthview-cursor', at === this._cursor);
            row.addEventListener('click', () => this._choose(at));
            rows.push(row);
        }
        this._body.replaceChildren(...rows);
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
