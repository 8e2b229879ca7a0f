// A graph of the server's, folded by module as the tree is: from a flat list of nodes, each of a module, to what one
// level draws. Nodes of one module that follow each other, or that the file says are of one call, are one scope.

import { list, text } from './pthview-text.js';
import { simplify } from './pthview-simplify.js';

const LABEL_MOST = 22; // characters of an edge's label

// 'float32[1, 3, 224, 224]' -> '1×3×224×224', 'int64[1, 128]' -> 'int64 1×128': the usual dtype goes without saying.
const typeLabel = (type) => {
    const match = text(type).match(/^([^[]*)\[([^\][]*)\]$/);
    if (!match) {
        return '';
    }
    const shape = match[2].split(',').map((extent) => extent.trim()).join('\u00D7');
    const label = [match[1] === 'float32' || match[1] === 'Tensor' ? '' : match[1], shape].filter((part) => part).join(' ');
    return label.length > LABEL_MOST ? '' : label;
};

export class FlowGraph {

    // `data` is one graph of the document (../../tools/server/graph_json.h), `tree` the modules', `root` the module that
    // the graph stands for; -1 for the body of a node. A `simplified` one leaves out what only prepares others.
    constructor(data, tree, root, simplified) {
        const { hidden, sources } = simplified ? simplify(data) : { hidden: [], sources: (value) => [value] };
        const resolve = ([name, values]) => [name, values.flatMap(sources)];
        this.data = data;
        this.nodes = simplified ? { ...data.nodes, inputs: list(data.nodes.inputs).map((row) => list(row).map(resolve)) } : data.nodes;
        this._hidden = hidden;
        this.length = list(data.nodes.op).length;
        this._tree = tree;
        this._root = root;
        this._producers = new Int32Array(list(data.values.name).length).fill(-1);
        this._consumers = new Map(); // value -> nodes
        this._scopeOf = new Int32Array(this.length);
        this.scopes = [{ module: root, parent: -1, depth: 0, call: 0, items: [], nodes: [] }];
        this._children = new Map(); // `scope module` -> scopes
        this._repeated = this._findRepeated();
        for (let i = 0; i < this.length; i++) {
            if (!hidden[i]) {
                this._place(i);
            }
        }
        this._wire();
        this._outputs = new Set(list(data.outputs).flatMap(sources));
    }

    // Modules that are called more than once, and all that hold them.
    _findRepeated() {
        const repeated = new Set();
        list(this.nodes.call).forEach((call, i) => {
            for (let at = call > 0 ? this.nodes.module[i] : -1; at >= 0 && !repeated.has(at); at = this._tree.parents[at]) {
                repeated.add(at);
            }
        });
        return repeated;
    }

    _place(i) {
        const path = [];
        for (let at = this.nodes.module[i]; at >= 0 && at !== this._root; at = this._tree.parents[at]) {
            path.unshift(at);
        }
        let scope = 0;
        path.forEach((module, depth) => {
            scope = this._enter(scope, module, depth === path.length - 1 ? list(this.nodes.call)[i] || 0 : -1);
        });
        this._scopeOf[i] = scope;
        this.scopes[scope].items.push({ kind: 'op', index: i });
        this.scopes[scope].nodes.push(i);
    }

    // The scope of `module` in `scope`; `call` is -1 where it is not known.
    _enter(scope, module, call) {
        const key = `${scope} ${module}`;
        const known = this._children.get(key) || [];
        const { items } = this.scopes[scope];
        const last = items.length > 0 ? items[items.length - 1] : null;
        let found = known.find((at) => call >= 0 && this.scopes[at].call === call);
        if (found === undefined && last && last.kind === 'scope' && known.includes(last.index) &&
            (call < 0 || this.scopes[last.index].call < 0)) {
            found = last.index;
        }
        if (found === undefined && known.length > 0 && !this._repeated.has(module)) {
            [found] = known;
        }
        if (found === undefined) {
            found = this.scopes.length;
            this.scopes.push({ module, parent: scope, depth: this.scopes[scope].depth + 1, call, items: [], nodes: [] });
            this._children.set(key, [...known, found]);
            items.push({ kind: 'scope', index: found });
        }
        return found;
    }

    _wire() {
        for (let i = 0; i < this.length; i++) {
            if (this._hidden[i]) {
                continue;
            }
            for (const [, values] of list(this.nodes.outputs[i])) {
                values.forEach((value) => { this._producers[value] = i; });
            }
            for (const [, values] of list(this.nodes.inputs[i])) {
                for (const value of values) {
                    if (!this._consumers.has(value)) {
                        this._consumers.set(value, []);
                    }
                    this._consumers.get(value).push(i);
                }
            }
        }
    }

    // The nodes that take a tensor of the model.
    usesOf(tensor) {
        if (!this._uses) {
            this._uses = new Map();
            list(this.data.values.tensor).forEach((index, value) => {
                if (index >= 0) {
                    this._uses.set(index, [...list(this._uses.get(index)), ...list(this._consumers.get(value))]);
                }
            });
        }
        return list(this._uses.get(tensor));
    }

    isWeight(value) {
        return this.data.values.tensor[value] >= 0;
    }

    valueOf(value) {
        return { name: text(this.data.values.name[value]), type: text(this.data.values.type[value]) };
    }

    // All nodes in a scope and in what it holds.
    _nodesUnder(scope) {
        const all = [];
        const pending = [scope];
        while (pending.length > 0) {
            const at = this.scopes[pending.pop()];
            all.push(...at.nodes);
            at.items.filter(({ kind }) => kind === 'scope').forEach(({ index }) => pending.push(index));
        }
        return all.sort((a, b) => a - b);
    }

    // The item of `scope` that node `i` is drawn in: 'op 3' or 'scope 5'; '' when it is not in it.
    _itemOf(i, scope) {
        const { depth } = this.scopes[scope];
        let at = this._scopeOf[i];
        if (at === scope) {
            return `op ${i}`;
        }
        while (at >= 0 && this.scopes[at].depth > depth + 1) {
            at = this.scopes[at].parent;
        }
        return at >= 0 && this.scopes[at].parent === scope ? `scope ${at}` : '';
    }

    // Of one scope: {edges: [{from, to, values}], inputs: [{value, to}], outputs: [{value, from}]}, by items.
    flows(scope) {
        const edges = new Map();
        const inputs = new Map();
        const outputs = new Map();
        for (const i of this._nodesUnder(scope)) {
            const item = this._itemOf(i, scope);
            if (!item) {
                continue; // the node that stands for the scope as a whole
            }
            for (const [, values] of list(this.nodes.inputs[i])) {
                for (const value of values.filter((value) => !this.isWeight(value))) {
                    const producer = this._producers[value];
                    const from = producer >= 0 ? this._itemOf(producer, scope) : '';
                    if (from && from !== item) {
                        const key = `${from} ${item}`;
                        if (!edges.has(key)) {
                            edges.set(key, { from, to: item, values: new Set() });
                        }
                        edges.get(key).values.add(value);
                    } else if (!from && (producer >= 0 || list(this.data.inputs).includes(value) || this._root < 0)) {
                        const entry = inputs.get(value) || { value, to: new Set() };
                        inputs.set(value, entry);
                        entry.to.add(item);
                    }
                }
            }
            for (const [, values] of list(this.nodes.outputs[i])) {
                for (const value of values) {
                    const leaves = this._outputs.has(value) ||
                        list(this._consumers.get(value)).some((consumer) => !this._itemOf(consumer, scope));
                    if (leaves) {
                        outputs.set(value, { value, from: item });
                    }
                }
            }
        }
        return { edges: [...edges.values()], inputs: [...inputs.values()], outputs: [...outputs.values()] };
    }

    // What is said of an edge: {kind, label, values}.
    describe(values) {
        const named = [...values].map((value) => this.valueOf(value));
        return { kind: 'recorded', values: named, label: named.length === 1 ? typeLabel(named[0].type) : '' };
    }
}
