// The side panel of a tensor: facts, statistics, histogram, pictures, values. All figures come from the server.

import { filterTiles, heatmap } from './pthview-picture.js';
import { grid } from './pthview-grid.js';
import { histogram } from './pthview-histogram.js';
import { json, make } from './pthview-page.js';
import { series } from './pthview-series.js';
import { list, text } from './pthview-text.js';
import { Matrix } from './pthview-window.js';

const SHOWN_ABOVE = ['kind', 'bytes', 'class']; // of the server's facts
const PART_VALUES = 100;
const TILE_SIDE = [2, 64]; // filters smaller than this are no picture, larger ones no tiles

const statistic = (value) => {
    if (value === null || value === undefined || value === '') {
        return 'n/a';
    }
    return typeof value === 'number' && !Number.isInteger(value) ? String(Number(value.toPrecision(7))) : String(value);
};

const partText = (part) => {
    const values = list(part.values).slice(0, PART_VALUES);
    const more = part.count > values.length ? ', ...' : '';
    return `${part.dtype}[${list(part.shape).join(',')}] ${values.length > 0 ? `${values.join(', ')}${more}` : ''}`.trim();
};

// What each statistic of the server is called; figures that are not there are left out, the first five never.
const STATISTICS = [
    ['min', 'min'], ['max', 'max'], ['mean', 'mean'], ['std', 'std'], ['sparsity', 'sparsity'], ['abs_max', 'abs max'], ['l1', 'L1'],
    ['l2', 'L2'], ['skewness', 'skewness'], ['kurtosis', 'kurtosis'], ['zeros', 'zeros'], ['near_zeros', 'near zeros'],
    ['negatives', 'negative'], ['nans', 'NaN'], ['infinities', 'infinite'], ['distinct', 'distinct values']
];

// What the optimizer's state tells of a weight: key, name, meaning.
const UPDATE = [['gradient', 'gradient', 'root mean square of the gradient'],
    ['noise', 'agreement', '1 where gradients agree from step to step, near 0 where they cancel'],
    ['update', 'update', 'root mean square of the last step, without weight decay'],
    ['ratio', 'update / weight', 'about 1e-3 is usual'], ['learning_rate', 'learning rate', '']];

// `netron` is what view.js exports.
export const installPanel = (netron) => {
    netron.TensorSidebar = class extends netron.ObjectSidebar {

        constructor(context, value) {
            super(context);
            this._value = value;
            this._tensor = value.value[0].initializer;
        }

        get identifier() {
            return 'tensor';
        }

        get tensor() {
            return this._tensor;
        }

        render() {
            const { facts } = this._tensor;
            this.addProperty('name', this._tensor.name);
            facts.forEach(([name, value]) => this.addProperty(name, value, name === 'shape' || name === 'dtype' ? 'code' : undefined));
            this._actions = make('div', 'pthview-actions');
            this.element.append(this._actions);
            if (this._tensor.saved) {
                const link = make('a', 'pthview-button', 'Save as .npy');
                link.href = this._tensor.address('.npy');
                link.download = `${this._tensor.name}.npy`;
                this._actions.append(link);
            }
            this._fill().catch((error) => this._note(error.message));
        }

        _note(message) {
            this.element.append(make('div', 'pthview-remark', message));
        }

        async _fill() {
            const tensor = this._tensor;
            await tensor.read();
            const reply = tensor.reply || {};
            const error = tensor.error;
            const scalar = tensor.shape.length === 0 && list(reply.values).length === 1;
            if (scalar) {
                this.addProperty('value', text(reply.values[0]), 'code');
            }
            if (error) {
                this._note(error);
            }
            this._usage();
            if (reply.statistics && !scalar) {
                this._statistics(reply.statistics);
            }
            this._health(scalar);
            if (reply.histogram && list(reply.histogram.counts).some((count) => count > 0)) {
                this.addSection('Histogram');
                this.element.append(...histogram(reply.histogram));
            }
            if (!error && !scalar && list(reply.values).length > 0) {
                this._pictures();
                this.addSection('Values');
                this.element.append(grid(new Matrix(tensor.file, tensor.index, tensor.shape, tensor.shape.length - 1)));
            }
            this._compared();
            if (list(reply.parts).length > 0) {
                this.addSection('Parts');
                list(reply.parts).forEach((part) => this.addProperty(String(part.name), partText(part)));
            }
            const facts = list(reply.facts).filter(([name]) => !SHOWN_ABOVE.includes(name));
            if (facts.length > 0) {
                this.addSection('Storage');
                facts.forEach(([name, value]) => this.addProperty(String(name), String(value)));
            }
        }

        _statistics(statistics) {
            this.addSection('Statistics');
            const cells = STATISTICS.filter(([key], i) => i < 5 || statistics[key]).map(([key, label]) => {
                const value = key === 'sparsity' && Number.isFinite(statistics[key]) ?
                    `${(100 * statistics[key]).toFixed(1)}%` : statistic(statistics[key]);
                const cell = make('div', 'pthview-statistic', make('small', '', label), make('code', '', value));
                cell.dataset.name = key;
                const place = statistics[`${key}_at`];
                if (Number.isInteger(place)) {
                    cell.title = `the first one stands at [${new Matrix('', 0, this._tensor.shape, this._tensor.shape.length).label(place, 0)[0]}]`;
                }
                return cell;
            });
            this.element.append(make('div', 'pthview-statistics', ...cells));
        }

        // Warnings, and how far the optimizer moves the weight: asked for beside all else, shown where there is something.
        _health(scalar) {
            if (scalar || !this._tensor.saved) {
                return;
            }
            const place = make('div');
            this.element.append(place);
            this._asking = new AbortController();
            json(`api/v1/files/${encodeURIComponent(this._tensor.file)}/health/${this._tensor.index}`, this._asking.signal).then(({ warnings, update }) => {
                const rows = list(warnings).map(({ code, why, meaning }) => make('div', 'pthview-finding pthview-warning',
                    make('b', '', text(why)), make('div', '', text(meaning)), make('small', '', text(code))));
                if (rows.length > 0) {
                    place.append(make('div', 'sidebar-section', 'Warnings'), ...rows);
                }
                const figures = UPDATE.filter(([key]) => update && typeof update[key] === 'number');
                if (figures.length > 0) {
                    place.append(make('div', 'sidebar-section', `Optimizer: ${update.kind}`), make('div', 'pthview-statistics',
                        ...figures.map(([key, label, says]) => {
                            const cell = make('div', 'pthview-statistic', make('small', '', label), make('code', '', statistic(update[key])));
                            cell.title = says;
                            cell.dataset.name = key;
                            return cell;
                        })));
                    if (update.assumed) {
                        place.append(make('div', 'pthview-remark', `Assumed: ${text(update.assumed)}.`));
                    }
                }
            }).catch(() => {}); // the panel says already what cannot be read
        }

        _pictures() {
            const { file, index, shape } = this._tensor;
            const numel = shape.reduce((a, b) => a * b, 1);
            if (shape.length < 2 || numel < 4 || !this._tensor.numeric) {
                return;
            }
            const [low, high] = TILE_SIDE;
            const [height, width] = shape.slice(-2);
            if (shape.length === 4 && height >= low && width >= low && height <= high && width <= high) {
                this.addSection('Filters');
                this.element.append(filterTiles(new Matrix(file, index, shape, 1), shape));
            }
            this.addSection('Heatmap');
            this.element.append(heatmap(`api/v1/files/${encodeURIComponent(file)}/heatmap/${index}?`, new Matrix(file, index, shape, 1)));
        }

        // The same tensor in the other files.
        _compared() {
            const { files, overlay } = this._view;
            const change = overlay && overlay.changes ? overlay.changes.rows.get(this._tensor.index) : null;
            if (change) {
                this.addSection('Compared');
                this.addProperty('verdict', { only_a: 'only in this file', shape: 'another shape there', unread: 'cannot be compared' }[change.verdict] || change.verdict);
                if (change.verdict === 'differs' || change.verdict === 'close') {
                    this.addProperty('largest', String(change.max), 'code');
                    this.addProperty('relative L2', String(change.relative), 'code');
                }
            }
            if (files && files.filter((entry) => !entry.error).length > 1) {
                this.addSection('In all files');
                this.element.append(series(files, this._tensor.file, this._tensor.name));
            }
        }

        // Which tensors of the optimizer belong to it, which nodes use it.
        _usage() {
            let section = '';
            for (const { section: title, title: name, note, kind, index } of this._view.model.document.related(this._tensor.index)) {
                if (title !== section) {
                    section = title;
                    this.addSection(section);
                }
                const link = make('button', 'pthview-link', make('b', '', name), make('span', '', note));
                link.addEventListener('click', () => this._view.revealItem(kind, index));
                this.element.append(link);
            }
        }

        activate() {
            this.emit('select', this._value);
        }

        deactivate() {
            this._tensor.giveUp();
            if (this._asking) {
                this._asking.abort();
            }
            this.emit('select', null);
        }
    };
};

