// The side panels of a node and of the whole file, and the list of findings.

import { Node } from './pthview-node.js';
import { make } from './pthview-page.js';
import { figure, list, plural, size, text } from './pthview-text.js';

const CHILDREN_MOST = 100;
const GRID_FROM = 4; // that many rows of one list make a grid

// `[i].key` under one name as rows and columns: {columns, rows: Map(i -> Map(column -> text))}.
const gridsOf = (values) => {
    const grids = new Map();
    for (const [path, value] of values) {
        const match = path.match(/^(.*?)\[(\d+)\]\.?(.*)$/);
        if (match) {
            const [, name, at, column] = match;
            if (!grids.has(name)) {
                grids.set(name, { columns: new Set(), rows: new Map() });
            }
            const grid = grids.get(name);
            grid.columns.add(column);
            if (!grid.rows.has(at)) {
                grid.rows.set(at, new Map());
            }
            grid.rows.get(at).set(column, value);
        }
    }
    return new Map([...grids].filter(([, { rows }]) => rows.size >= GRID_FROM));
};

const tableElement = ({ columns, rows }) => {
    const names = [...columns];
    const row = (cells, tag) => make('tr', '', ...cells.map((cell) => make(tag, '', cell)));
    return make('div', 'pthview-values', make('table', '',
        make('thead', '', row(['', ...names.map((name) => name || 'value')], 'th')),
        make('tbody', '', ...[...rows].map(([at, cells]) => row([at, ...names.map((name) => text(cells.get(name)))], 'td')))));
};

// The plain values of a file by what holds them: [{title, values: [[name, text]], grids}].
export const groupsOf = (values) => {
    const groups = new Map([['Values', []]]);
    for (const [path, value] of values) {
        const step = path.match(/^[^.[]+/);
        const whole = !step || step[0] === path;
        const title = whole ? 'Values' : step[0];
        if (!groups.has(title)) {
            groups.set(title, []);
        }
        groups.get(title).push([whole ? path : path.substring(step[0].length).replace(/^\./, '') || path, value]);
    }
    return [...groups].filter(([, values]) => values.length > 0).map(([title, values]) => {
        const grids = gridsOf(values.map(([name, value]) => [name.startsWith('[') ? `${title}${name}` : name, value]));
        const gridded = ([name]) => [...grids.keys()].some((grid) => name.startsWith(`${grid}[`) ||
            (grid === title && name.startsWith('[')));
        return { title, values: values.filter((value) => !gridded(value)), grids };
    });
};

// Figures of the tensors: [[title, [[name, text]]]].
const tensorGroups = (data) => {
    const { tensors } = data;
    const dtypes = new Map();
    list(tensors.dtype).forEach((dtype, i) => {
        const entry = dtypes.get(dtype) || { count: 0, bytes: 0 };
        entry.count++;
        entry.bytes += tensors.nbytes[i] || 0;
        dtypes.set(dtype, entry);
    });
    return [...dtypes].sort(([, a], [, b]) => b.bytes - a.bytes)
        .map(([dtype, { count, bytes }]) => [dtype, `${plural(count, 'tensor')}, ${size(bytes)}`]);
};

const nodeSidebar = (netron) => class extends netron.ObjectSidebar {

    constructor(context, node) {
        super(context);
        this._node = node;
    }

    get identifier() {
        return 'node';
    }

    get node() {
        return this._node;
    }

    render() {
        const node = this._node;
        this.addProperty('name', node.name || node.title, 'nowrap');
        if (node.type.name) {
            this.addProperty('type', node.type.name);
        }
        node.metadata.filter(({ name, value }) => name !== 'class' || value !== node.type.name)
            .forEach(({ name, value }) => this.addProperty(name, text(value)));
        if (node.attributes.length > 0) {
            this.addSection('Attributes');
            node.attributes.forEach(({ name, value, type }) => {
                this.addProperty(name, text(value), 'code');
                if (type) {
                    this.element.lastChild.title = type;
                }
            });
        }
        if (node.source || node.location) {
            this.addSection('Source');
            if (node.location) {
                this.addProperty('line', node.location, 'nowrap');
            }
            if (node.source) {
                this.element.append(make('pre', 'pthview-source', node.source));
            }
        }
        const weights = node.inputs.filter(({ value }) => Array.isArray(value) && value.length === 1 && value[0].initializer);
        if (weights.length > 0) {
            this.addSection('Tensors');
            weights.forEach((argument) => this._weight(argument));
        }
        this._children();
        this._flows();
    }

    // The modules that it holds.
    _children() {
        const { document } = this._view.model;
        const children = this._node.module >= 0 ? document.tree.children(this._node.module) : [];
        if (children.length > 0) {
            this.addSection('Modules');
        }
        for (const child of children.slice(0, CHILDREN_MOST)) {
            const row = make('button', 'pthview-link', make('b', '', document.localName(child)),
                make('code', '', document.className(child).split('.').pop()));
            row.addEventListener('click', () => this._view.revealItem('module', child));
            this.element.append(row);
        }
        if (children.length > CHILDREN_MOST) {
            this.element.append(make('div', 'pthview-remark', `and ${figure(children.length - CHILDREN_MOST)} more: see the outline`));
        }
    }

    _weight(argument) {
        const tensor = argument.value[0].initializer;
        const value = make('code', '', argument.value[0].type.toString());
        const row = make('button', 'pthview-link', make('b', '', argument.name), value);
        row.title = tensor.name;
        row.addEventListener('click', () => this._view.showTensorProperties(argument, 'sidebar'));
        if (tensor.shape.length === 0 && tensor.scalar) {
            tensor.scalar((text) => { value.textContent = `${argument.value[0].type} = ${text}`; });
        }
        this.element.append(row);
    }

    // What stands before and after it, where that is known.
    _flows() {
        const shown = this._view.target ? this._view.target.find(this._node) : null;
        const flows = shown && shown.context.target && shown.context.target.flows ?
            shown.context.target.flows.filter(({ kind }) => kind !== 'order') : [];
        const sides = [['From', flows.filter(({ to }) => to === this._node), 'from'],
            ['To', flows.filter(({ from }) => from === this._node), 'to']];
        for (const [title, side, end] of sides.filter(([, side]) => side.length > 0)) {
            this.addSection(title);
            for (const flow of side) {
                const other = flow[end];
                const row = make('button', 'pthview-link', make('b', '', other.title || other.name),
                    make('code', '', [flow.values.map(({ type }) => type).filter((type) => type).join(', '),
                        flow.kind === 'inferred' ? 'inferred' : ''].filter((part) => part).join(' \u00b7 ')));
                row.addEventListener('click', () => this._view.showFlowProperties(flow, 'sidebar'));
                this.element.append(row);
            }
        }
    }

    activate() {
        this.emit('select', this._node);
    }

    deactivate() {
        this.emit('select', null);
    }
};

const modelSidebar = (netron) => class extends netron.ObjectSidebar {

    constructor(context, model) {
        super(context);
        this._model = model;
    }

    get identifier() {
        return 'model';
    }

    render() {
        const { data } = this._model;
        const property = ([name, value]) => value && this.addProperty(name, text(value));
        [['name', this._model.name], ['format', data.format], ['producer', this._model.producer], ['size', data.size ? size(data.size) : ''],
            ['what it is', data.summary]].forEach(property);
        this.addSection('Tensors');
        [['parameters', figure(data.parameters)], ['tensors', figure(data.tensors)], ...tensorGroups(data.document)].forEach(property);
        if (data.parts.length > 0) {
            this.addSection('Parts');
            data.parts.forEach((part) => property([text(part.path) || text(part.kind),
                [part.path ? text(part.kind) : '', plural(part.tensors, 'tensor'),
                    part.parameters > 0 ? plural(part.parameters, 'parameter') : '',
                    part.prefix ? `all names begin with ${part.prefix}` : ''].filter((fact) => fact).join(', ')]));
        }
        for (const { title, values, grids } of groupsOf(data.values)) {
            this.addSection(title);
            let held = '';
            for (const [name, value] of values) {
                const match = name.match(/^(.*)\.([^.]+)$/s);
                const holder = match ? match[1] : '';
                if (holder !== held) {
                    held = holder;
                    this.element.append(make('div', 'pthview-caption', holder));
                }
                property([match ? match[2] : name, value]);
            }
            for (const [name, grid] of grids) {
                if (name !== title) {
                    this.element.append(make('div', 'pthview-caption', name));
                }
                this.element.append(tableElement(grid));
            }
        }
    }
};

// The findings, those that matter first; a click on one jumps to what it is about.
export const findingsElement = (view, findings) => {
    const element = make('div', 'sidebar-object');
    const rank = ({ severity }) => ['danger', 'error', 'warning'].indexOf(severity) + 1 || 9;
    const sorted = findings.map((finding, i) => [rank(finding), i, finding]).sort(([a, i], [b, j]) => a - b || i - j);
    for (const [,, finding] of sorted) {
        const severity = /^[a-z]+$/.test(finding.severity) ? finding.severity : 'info';
        const code = [finding.severity, finding.code].filter((part) => part).join(' ');
        const item = view.model.document.findByPath(text(finding.where));
        const subject = make(item ? 'button' : 'b', 'pthview-subject', text(finding.where) || 'The whole file');
        if (item) {
            subject.title = 'Show it in the graph';
            subject.addEventListener('click', () => view.revealItem(item.kind, item.index));
        }
        element.append(make('div', `pthview-finding pthview-${severity}`, subject, make('div', '', text(finding.text)), make('small', '', code)));
    }
    return element;
};

// `netron` is what view.js exports.
export const installProperties = (netron) => {
    const { NodeSidebar } = netron;
    const Ours = nodeSidebar(netron);
    netron.NodeSidebar = function make(context, node) {
        return node instanceof Node ? new Ours(context, node) : new NodeSidebar(context, node);
    };
    netron.ModelSidebar = modelSidebar(netron);
};
