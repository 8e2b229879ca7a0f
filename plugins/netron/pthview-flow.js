// The edges of a level: how each kind looks, what a click on one tells, and the legend.

import { make } from './pthview-page.js';

// What the legend says of each kind, and what the panel says of an edge.
const KINDS = {
    recorded: ['recorded in the file', 'The file holds this edge.'],
    inferred: ['inferred: click to see why', 'The file holds no graph. This edge follows from what is named under \u201cevidence\u201d.'],
    order: ['order in the file: flow unknown', '']
};

const EVIDENCE = {
    class: 'the forward of a known class',
    pattern: 'a known pattern of layers',
    shapes: 'shapes that chain, and cannot chain otherwise'
};

// A flow among the values that Netron draws a level from.
class FlowView {

    constructor(context, flow) {
        this.context = context;
        this.value = flow;
        this.from = context._table.get(flow.from);
        this.to = [context._table.get(flow.to)];
        this._edge = null;
    }

    build() {
        const edge = this.from.edge(this.to[0]);
        if (!edge.value) {
            edge.value = this;
            edge.label = this.value.label;
            edge.tooltip = this.value.kind === 'inferred' ? `inferred: ${this.value.why}` :
                this.value.values.map(({ name, type }) => [name, type].filter((part) => part).join(': ')).join('\n');
            edge.class = `pthview-edge pthview-edge-${this.value.kind}`;
            if (this.value.kind === 'order') {
                edge.focus = () => {};
                edge.activate = () => {};
            }
        }
        this._edge = edge;
        this.context.setEdge(edge);
    }

    select() {
        return this._edge ? this._edge.select() : [];
    }

    deselect() {
        if (this._edge) {
            this._edge.deselect();
        }
    }

    activate(source) {
        this.context.view.showFlowProperties(this.value, source);
    }
}

const flowSidebar = (netron) => class extends netron.ConnectionSidebar {

    constructor(context, flow) {
        super(context, { name: '' }, flow.from, [flow.to]);
        this._flow = flow;
    }

    render() {
        const { kind, evidence, why, values } = this._flow;
        this.addProperty('edge', kind);
        if (evidence) {
            this.addProperty('evidence', EVIDENCE[evidence] ? `${evidence}: ${EVIDENCE[evidence]}` : evidence);
        }
        if (why) {
            this.addProperty('why', why);
        }
        if (KINDS[kind]) {
            this.element.append(make('div', 'pthview-remark', KINDS[kind][1]));
        }
        values.forEach(({ name, type }) => this.addProperty(name, type || 'type unknown', 'code'));
        this.addSection('Between');
        this.addNodeList('from', [this._flow.from]);
        this.addNodeList('to', [this._flow.to]);
    }

    activate() {
        this.emit('select', this._flow);
    }
};

// `netron` is what view.js exports.
export const installFlows = (netron) => {
    netron.Graph = class extends netron.Graph {

        add(graph, signature) {
            super.add(graph, signature);
            for (const flow of graph.flows || []) {
                const view = new FlowView(this, flow);
                if (view.from && view.to[0]) {
                    this._values.set(flow, view);
                    this._table.set(flow, view);
                }
            }
        }
    };
    const Sidebar = flowSidebar(netron);
    netron.View.prototype.showFlowProperties = function showFlowProperties(flow, source) {
        const sidebar = new Sidebar(this, flow);
        sidebar.on('focus', (sender, value) => this._target.focus([value]));
        sidebar.on('blur', (sender, value) => this._target.blur([value]));
        const act = (action) => (sender, value) => {
            const shown = value && this._target ? this._target.find(value) : null;
            if (shown) {
                this._target.scrollTo(action(shown.context, value));
            } else if (this._target) {
                this._target.select(null);
            }
        };
        sidebar.on('select', act((graph, value) => graph.select([value], 'sidebar')));
        sidebar.on('activate', act((graph, value) => graph.activate(value, 'sidebar')));
        this._sidebar.open(sidebar, 'Edge', source);
    };
};

// Says what the kinds of edge on the page mean; nothing where there are none.
export const legend = () => {
    const element = make('div', 'pthview-legend');
    element.setAttribute('role', 'note');
    const update = () => {
        const kinds = Object.keys(KINDS).filter((kind) => document.querySelector(`#canvas .pthview-edge-${kind}`));
        element.replaceChildren(...kinds.map((kind) =>
            make('span', '', make('i', `pthview-stroke pthview-stroke-${kind}`), KINDS[kind][0])));
        element.hidden = kinds.length === 0;
    };
    return { element, update };
};
