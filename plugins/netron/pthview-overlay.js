// A figure as the colour of nodes: how many parameters, how sparse, how large, what has changed; or figures of one's own.

import { changesOf, figuresOf } from './pthview-figures.js';
import { make, toast } from './pthview-page.js';
import { rounded, text } from './pthview-text.js';
import { shown } from './pthview-window.js';

// From pale to dark in equal steps of lightness (of the kind of cividis), so that gray prints and colour-blind eyes follow.
const STOPS = [[255, 244, 205], [234, 205, 120], [176, 160, 118], [112, 118, 128], [56, 78, 120], [0, 34, 78]];
const colourAt = (t) => {
    const x = Math.max(0, Math.min(1, t)) * (STOPS.length - 1);
    const i = Math.min(STOPS.length - 2, Math.floor(x));
    return STOPS[i].map((from, c) => Math.round(from + (STOPS[i + 1][c] - from) * (x - i)));
};

const sum = (values) => values.reduce((a, b) => a + b, 0);

// `value(figures of the module's tensors)`; undefined where there is nothing to say.
const FIGURES = [
    { name: 'parameters', says: 'parameters', log: true },
    { name: 'sparsity', says: 'share of zeros', value: (rows) => sum(rows.map((row) => row.zeros)) / Math.max(1, sum(rows.map((row) => row.count))) },
    { name: 'norm', says: 'root mean square', log: true,
        value: (rows) => Math.sqrt(sum(rows.map((row) => row.l2 ** 2)) / Math.max(1, sum(rows.map((row) => row.count)))) },
    { name: 'not finite', says: 'NaN and infinite values', value: (rows) => sum(rows.map((row) => row.not_finite)) }
];

export class Overlay {

    // `files` are the server's, `shown` the one on the page.
    constructor(view, files, shownFile) {
        this._view = view;
        this._file = shownFile;
        this._values = null; // module -> value
        this._turn = 0;
        this._select = make('select', 'pthview-overlay');
        this._select.title = 'Colour nodes by a figure';
        this._select.setAttribute('aria-label', this._select.title);
        const option = (value, label) => {
            const element = make('option', '', label);
            element.value = value;
            this._select.append(element);
        };
        option('', 'Colour: kind');
        FIGURES.forEach(({ name, says }) => option(name, says));
        files.filter((entry) => entry.id !== shownFile.id && !entry.error)
            .forEach((entry) => option(`change ${entry.id}`, `change from ${entry.name}`));
        option('read', 'figures from a file\u2026');
        option('write', 'save these figures\u2026');
        this._select.addEventListener('change', () => this._choose(this._select.value).catch((error) => toast(error.message)));
        this._select.addEventListener('keydown', (event) => event.stopPropagation());
        this.element = this._select;
        this.scale = make('div', 'pthview-overlay-scale');
        this.scale.hidden = true;
    }

    get changes() {
        return this._changes || null;
    }

    // After each redraw.
    paint() {
        const values = this._values;
        const all = values ? [...values.values()].filter(Number.isFinite) : [];
        const scale = (value) => this._log ? Math.log10(Math.max(value, 1e-30)) : value;
        const used = this._log ? all.filter((value) => value > 0) : all;
        const low = scale(Math.min(...used));
        const high = scale(Math.max(...used));
        const visit = (graph) => {
            for (const node of graph._table.values()) {
                if (node.value && node.value.nest && node.blocks) {
                    this._paintNode(node, values, (value) => high > low ? (scale(value) - low) / (high - low) : value > 0 ? 1 : 0);
                    node.blocks.filter((block) => block.target && block.target._table).forEach((block) => visit(block.target));
                }
            }
        };
        if (this._view.target) {
            visit(this._view.target);
        }
        this.scale.hidden = !values || used.length === 0;
        if (!this.scale.hidden) {
            const bar = make('i', 'pthview-overlay-bar');
            bar.style.background = `linear-gradient(to right, ${STOPS.map((stop) => `rgb(${stop})`).join(', ')})`;
            const write = (value) => this._name === 'parameters' ? rounded(value) : shown(value);
            this.scale.replaceChildren(make('span', '', this._says), make('span', '', write(Math.min(...used))), bar, make('span', '', write(Math.max(...used))));
        }
    }

    _paintNode(node, values, place) {
        const value = values && node.value.module >= 0 ? values.get(node.value.module) : undefined;
        for (const entry of node.blocks[0]._entries || []) {
            if (!entry.path) {
                continue;
            }
            if (value === undefined || !Number.isFinite(value)) {
                entry.path.style.fill = values ? '#999' : '';
                entry.text.style.fill = '';
                delete entry.element.dataset.figure;
            } else {
                const [red, green, blue] = colourAt(value === 0 && this._log ? 0 : place(value));
                entry.path.style.fill = `rgb(${red},${green},${blue})`;
                entry.text.style.fill = red + green + blue > 380 ? '#000' : '#fff';
                entry.element.dataset.figure = String(value);
            }
        }
    }

    async _choose(name) {
        const turn = ++this._turn;
        const current = () => turn === this._turn;
        if (name === 'read' || name === 'write') {
            this._select.value = this._name || '';
            name === 'read' ? this._read() : this._write();
            return;
        }
        this._name = name;
        this._log = false;
        this._changes = null;
        const figure = FIGURES.find((figure) => figure.name === name);
        const { tree } = this._view.model.document;
        if (!name) {
            this._values = null;
        } else if (name === 'parameters') {
            [this._says, this._log] = ['parameters', true];
            this._values = new Map(Array.from(tree.parameters, (count, module) => [module, count]));
        } else if (figure) {
            [this._says, this._log] = [figure.says, Boolean(figure.log)];
            await figuresOf(this._file.id, (rows) => {
                if (current()) {
                    this._values = this._gather((index) => rows.get(index), (rows) => figure.value(rows));
                    this.paint();
                }
                return current();
            });
        } else {
            this._says = this._select.selectedOptions[0].textContent;
            await changesOf(this._file.id, name.replace('change ', ''), (rows, whole, only) => {
                if (current()) {
                    this._changes = { rows, only };
                    this._values = this._gather((index) => rows.get(index), (rows) => {
                        const known = rows.filter(({ verdict }) => ['equal', 'close', 'differs'].includes(verdict));
                        return known.length > 0 ? Math.max(...known.map(({ relative }) => Number.isFinite(relative) ? relative : 1)) : undefined;
                    });
                    this.paint();
                }
                return current();
            });
        }
        if (current()) {
            this.paint();
        }
    }

    // Of each module, `value` of what it and all below it hold.
    _gather(rowOf, value) {
        const { tree, tensors } = this._view.model.document;
        const rows = new Map();
        tensors.module.forEach((module, index) => {
            const row = rowOf(index);
            for (let at = row ? module : -1; at >= 0; at = tree.parents[at]) {
                if (!rows.has(at)) {
                    rows.set(at, []);
                }
                rows.get(at).push(row);
            }
        });
        return new Map([...rows].map(([module, rows]) => [module, value(rows)]).filter(([, value]) => value !== undefined));
    }

    // Model Explorer's node data: {graph: {results: {node: {value}}, ...}}, or what stands inside a graph alone.
    _use(data, name) {
        const graphs = data && data.results ? [data] : Object.values(data || {});
        const values = new Map();
        let unknown = 0;
        for (const { results } of graphs) {
            for (const [path, entry] of Object.entries(results || {})) {
                const item = this._view.model.document.findByPath(path.split('/').join('.')) || this._view.model.document.findByPath(path);
                const value = Number(entry && typeof entry === 'object' ? entry.value : entry);
                const module = item ? (item.kind === 'module' ? item.index : this._view.model.document.tensors.module[item.index]) : -1;
                if (module >= 0 && Number.isFinite(value)) {
                    values.set(module, value);
                } else {
                    unknown++;
                }
            }
        }
        if (values.size === 0) {
            throw new Error(`${name} names no module of this file.`);
        }
        if (unknown > 0) {
            toast(`${unknown} of the figures are of nodes that this file does not have.`);
        }
        [this._values, this._says, this._log, this._name] = [values, name, false, ''];
        this.paint();
    }

    _read() {
        const input = make('input');
        input.type = 'file';
        input.accept = '.json';
        input.addEventListener('change', async () => {
            try {
                const [file] = input.files;
                let data = null;
                try {
                    data = JSON.parse(await file.text());
                } catch {
                    throw new Error(`${file.name} is no JSON.`);
                }
                this._use(data, file.name);
            } catch (error) {
                toast(error.message);
            }
        });
        input.click();
    }

    _write() {
        if (!this._values) {
            toast('Choose a figure first.');
            return;
        }
        const { document } = this._view.model;
        const results = {};
        for (const [module, value] of this._values) {
            if (Number.isFinite(value)) {
                results[document.path(module) || text(this._file.name)] = { value };
            }
        }
        const gradient = [{ stop: 0, bgColor: `rgb(${STOPS[0]})` }, { stop: 1, bgColor: `rgb(${STOPS[STOPS.length - 1]})` }];
        const link = make('a');
        link.href = URL.createObjectURL(new Blob([JSON.stringify({ [this._file.name]: { results, gradient } }, null, 2)], { type: 'application/json' }));
        link.download = `${this._file.name}.${this._says.replace(/[^\w.-]+/g, '_')}.json`;
        link.click();
        window.setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }
}
