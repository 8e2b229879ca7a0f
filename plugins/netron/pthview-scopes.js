// The document of a file that records graphs: modules at work and operators in place of modules alone.

import { Level, ListItems } from './pthview-level.js';
import { Node, Value, argument, category } from './pthview-node.js';
import { list, plural, text } from './pthview-text.js';
import { Document } from './pthview-document.js';
import { FlowGraph } from './pthview-graph.js';

const ENDS_MOST = 40; // inputs, or outputs, of one level

export class GraphDocument extends Document {

    constructor(data) {
        super(data);
        this.simplified = true;
        this._graphs = new Map(); // by a part's root
        this._methods = [];
        this._bodies = [];
    }

    // The graphs that the server knows (pthview-files.js), by the root of their part.
    setGraphs(graphs, parts) {
        this._graphs = new Map();
        this._methods = []; // further graphs of a part: methods besides forward
        list(graphs).filter((data) => data && data.root).forEach((data) => {
            const part = parts[data.part] || { root: -1 };
            if (part.root >= 0 && !this._graphs.has(part.root)) {
                this._graphs.set(part.root, new FlowGraph(data, this.tree, part.root, this.simplified));
            } else {
                this._methods.push([data, part]); // also the graph of a file without modules
            }
        });
        this._bodies = list(graphs);
    }

    // A level for each method besides the first of its part.
    methods() {
        return this._methods.map(([data, part]) => {
            const name = [text(part.path), text(data.name)].filter((name) => name).join('.');
            const level = this._scopeLevel(new FlowGraph(data, this.tree, part.root, this.simplified), 0, name, name);
            level.part = `${text(part.path)}#${text(data.name)}`;
            level.method = true;
            return level;
        });
    }

    get graphCount() {
        return this._bodies.length;
    }

    graphOf(root) {
        return this._graphs.get(root) || null;
    }

    // What a scope of a graph holds: the modules at work in it and its operators, as they run; then modules that the graph
    // does not use.
    _scopeLevel(graph, scope, name, key) {
        const { module, items } = graph.scopes[scope];
        const used = new Set(items.filter(({ kind }) => kind === 'scope').map(({ index }) => graph.scopes[index].module));
        const all = [
            ...items.map(({ kind, index }) => kind === 'scope' ?
                { kind, index, graph, module: graph.scopes[index].module } : { kind, index, graph, tensors: this._tensorsOf(graph, index) }),
            ...(module >= 0 ? Array.from(this.tree.children(module)).filter((child) => !used.has(child)).map((index) => ({ kind: 'module', index })) : [])
        ];
        return new Level(this, {
            name, identifier: module >= 0 ? text(this.modules.path[module]) || name : name, key,
            owner: module >= 0 && this.tree.parents[module] >= 0 ? this.localName(module) : '',
            items: new ListItems(all), flows: () => this._scopeFlows(graph, scope, all)
        });
    }

    _scopeFlows(graph, scope, items) {
        const positions = new Map(items.map(({ kind, index }, i) => [`${kind} ${index}`, i]));
        const { edges, inputs, outputs } = graph.flows(scope);
        const end = (value) => {
            const { name, type } = graph.valueOf(value);
            return argument(name, [Object.assign(new Value(name), { type: type || null })]);
        };
        // Ends are drawn as nodes: very many of them are one.
        const merged = (ends) => {
            const shared = ends.length > ENDS_MOST ? argument(plural(ends.length, 'value'), [new Value('')]) : null;
            return shared ? ends.map((each) => ({ ...each, argument: shared, facts: () => ({ kind: 'recorded' }) })) : ends;
        };
        return {
            edges: edges.map(({ from, to, values }) => ({ from: positions.get(from), to: positions.get(to), facts: () => graph.describe(values) })),
            inputs: merged(inputs.map(({ value, to }) =>
                ({ argument: end(value), to: [...to].map((item) => positions.get(item)), facts: () => graph.describe([value]) }))),
            outputs: merged(outputs.map(({ value, from }) => ({ argument: end(value), from: positions.get(from), facts: () => graph.describe([value]) })))
        };
    }

    _tensorsOf(graph, index) {
        return list(graph.nodes.inputs[index]).flatMap(([, values]) => values.map((value) => graph.data.values.tensor[value]))
            .filter((tensor) => tensor >= 0);
    }

    // The scope of the module at which a part opens (see root): -1 below a single module at a time.
    _scopeBelow(graph, module) {
        for (let scope = 0; ;) {
            const { items } = graph.scopes[scope];
            if (graph.scopes[scope].module === module || items.length !== 1 || items[0].kind !== 'scope') {
                return scope;
            }
            scope = items[0].index;
        }
    }

    // A module at work in a graph.
    _scopeNode(graph, scope) {
        let { module } = graph.scopes[scope];
        const nest = [module];
        for (let next = this._only(module); next >= 0; next = this._only(next)) {
            const { items } = graph.scopes[scope];
            if (items.length !== 1 || items[0].kind !== 'scope') {
                break;
            }
            scope = items[0].index;
            ({ module } = graph.scopes[scope]);
            nest.push(module);
        }
        const node = this._nodeOf(nest);
        const { items, call } = graph.scopes[scope];
        const leaf = this.tree.children(module).length === 0;
        const ops = items.filter(({ kind }) => kind === 'op');
        if (items.length > 0 && !(leaf && this.simplified)) {
            const key = call > 0 ? `${this.path(module)}#${call}` : this.path(module);
            node.block = this._scopeLevel(graph, scope, this._held(module), key);
            node.type.category = leaf ? node.type.category : '';
        } else if (ops.length > 0) {
            const main = ops.find(({ index }) => this._tensorsOf(graph, index).length > 0) || ops[0];
            const known = new Set(node.attributes.map(({ name }) => name));
            node.attributes.push(...this._attributesOf(graph, main.index).filter(({ name }) => !known.has(name)));
            this._place(node, graph, main.index);
            node.metadata.push(argument('operators', ops.map(({ index }) => text(graph.nodes.op[index])).join(', ')));
            node.type.category = node.type.category || this._categoryOf(graph, main.index);
        }
        if (!node.block) {
            node.summary = '';
        } else if (leaf && items.length > 0) {
            node.summary = plural(items.length, 'operator');
        }
        node.ordered = true;
        return node;
    }

    _attributesOf(graph, index) {
        return list(list(graph.nodes.attributes)[index]).map(([name, value]) => argument(text(name), text(value)));
    }

    // Netron's: as the server knows the operator, else by its name.
    _categoryOf(graph, index) {
        return text(list(graph.nodes.category)[index]).toLowerCase() || category(text(graph.nodes.op[index]));
    }

    // Where the node stands in its source.
    _place(node, graph, index) {
        node.location = text(list(graph.nodes.location)[index]);
        node.source = text(list(graph.nodes.source)[index]);
    }

    _opNode(graph, index) {
        const { nodes } = graph;
        const op = text(nodes.op[index]);
        const node = new Node('', op, text(nodes.name[index]));
        node.type.category = this._categoryOf(graph, index);
        node.ordered = true;
        node.op = { graph, index };
        node.attributes = this._attributesOf(graph, index);
        this._place(node, graph, index);
        for (const [name, values] of list(nodes.inputs[index])) {
            values.filter((value) => graph.isWeight(value)).forEach((value) => {
                const tensor = graph.data.values.tensor[value];
                node.inputs.push(this._weight(tensor, text(name)));
            });
        }
        const domain = text(nodes.domain[index]);
        node.metadata = domain ? [argument('operator', `${domain}::${op}`)] : [];
        const module = nodes.module[index];
        if (module >= 0 && this.path(module)) {
            node.metadata.push(argument('module', this.path(module)));
        }
        const blocks = list(list(nodes.blocks)[index]).filter((at) => this._bodies[at]);
        if (blocks.length > 0) {
            node.block = this._bodiesLevel(node.name, blocks);
            node.summary = blocks.length > 1 ? plural(blocks.length, 'branch').replace('branchs', 'branches') : 'body';
            node.type.category = 'control';
        }
        return node;
    }

    // The bodies of an operator: a loop's at once, branches as one frame each.
    _bodiesLevel(name, blocks) {
        const body = (at, title) => this._scopeLevel(new FlowGraph(this._bodies[at], this.tree, -1, this.simplified), 0, title, `${name}/${title}`);
        if (blocks.length === 1) {
            return body(blocks[0], 'body');
        }
        const titles = blocks.length === 2 ? ['then', 'else'] : blocks.map((_, i) => `branch ${i}`);
        const level = new Level(this, { name, identifier: name, key: `${name}/branches`, owner: '', items: new ListItems([]) });
        level._nodes = blocks.map((at, i) => {
            const node = new Node(titles[i], '', `${name} ${titles[i]}`);
            node.block = body(at, titles[i]);
            node.summary = plural(list(this._bodies[at].nodes.op).length, 'operator');
            return node;
        });
        return level;
    }

    level(module, { name, root }) {
        const graph = root ? this.graphOf(this.tree.top(module)) : null;
        return graph ? this._scopeLevel(graph, this._scopeBelow(graph, module), name, this.path(module)) : super.level(module, { name, root });
    }

    label(item) {
        switch (item.kind) {
            case 'op': return text(item.graph.nodes.op[item.index]);
            case 'scope': return this.localName(item.module);
            default: return super.label(item);
        }
    }

    node(item) {
        switch (item.kind) {
            case 'op': return this._opNode(item.graph, item.index);
            case 'scope': return this._scopeNode(item.graph, item.index);
            default: return super.node(item);
        }
    }

    // [{graph, node}] of all graphs.
    usesOf(index) {
        return [...this._graphs.values()].flatMap((graph) => graph.usesOf(index).map((node) => ({ graph, node })));
    }
}
