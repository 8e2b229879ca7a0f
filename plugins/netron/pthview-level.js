// One drawn level, Netron's Graph: the nodes of what a module holds, folded into ranges where there are too many.

import { Flow, Node } from './pthview-node.js';
import { list, plural, shorten } from './pthview-text.js';

const LEVEL_MAX = 200; // nodes on one drawn level; wider levels fold into ranges
const RANGE = 100; // items in a range, then ranges in a range of ranges, ...

const NONE = new Uint32Array(0);

// What a level shows, in order: at most one 'own' (a module by its tensors alone), then tensors, modules, and operators
// that an inference has added ('infer').
export class Items {

    constructor({ own = NONE, tensors = NONE, modules = NONE, ops = NONE }) {
        this._runs = [['own', own], ['tensor', tensors], ['module', modules], ['infer', ops]];
        this.length = own.length + tensors.length + modules.length + ops.length;
        this.noun = modules.length + own.length === 0 ? 'tensor' : 'module';
    }

    // {kind, index}
    at(position) {
        for (const [kind, indices] of this._runs) {
            if (position < indices.length) {
                return { kind, index: indices[position] };
            }
            position -= indices.length;
        }
        return null;
    }

    slice(from, to) {
        let start = 0;
        const [own, tensors, modules, ops] = this._runs.map(([, indices]) => {
            const cut = indices.subarray(Math.max(0, from - start), Math.max(0, to - start));
            start += indices.length;
            return cut;
        });
        return new Items({ own, tensors, modules, ops });
    }

    // The position of an item; -1 where it is not here.
    find(kind, index) {
        let start = 0;
        for (const [name, indices] of this._runs) {
            if (name === kind) {
                const at = indices.indexOf(index);
                return at < 0 ? -1 : start + at;
            }
            start += indices.length;
        }
        return -1;
    }
}

// The same for a level of a graph: [{kind, index}], of which 'scope' is a module at work and 'op' an operator.
export class ListItems {

    constructor(items) {
        this._items = items;
        this.length = items.length;
        this.noun = items.every(({ kind }) => kind === 'scope' || kind === 'module') ? 'module' : 'node';
    }

    at(position) {
        return this._items[position] || null;
    }

    slice(from, to) {
        return new ListItems(this._items.slice(from, to));
    }

    // A module is found by any scope of it, a tensor by the operator that takes it.
    find(kind, index) {
        return this._items.findIndex((item) => (item.kind === kind && item.index === index) ||
            (kind === 'module' && item.kind === 'scope' && item.module === index) ||
            (kind === 'tensor' && item.kind === 'op' && item.tensors.includes(index)));
    }
}

const NO_FLOWS = { edges: [], inputs: [], outputs: [] };

export class Level {

    // `document` makes the nodes (node, label). `owner` is the name that a range's own begins with, `key` tells the level
    // from all others of its file. `flows()` gives the edges between positions of `items`, and what comes from outside and
    // leaves: {edges: [{from, to, ...}], inputs: [{argument, to: positions, ...}], outputs: [{argument, from, ...}]}, the
    // rest being what Flow takes, or `facts`, which gives it. Nodes are made when they are first asked for.
    constructor(document, { name, identifier, key, owner, items, flows = () => NO_FLOWS }) {
        this._flowsOfItems = flows;
        this._document = document;
        this._owner = owner;
        this._items = items;
        // Items to a node: 1, or a power of RANGE.
        this._step = 1;
        while (items.length / this._step > LEVEL_MAX) {
            this._step *= RANGE;
        }
        this.type = 'graph';
        this.name = name;
        this.identifier = identifier;
        this.key = key;
        this.range = false; // of what another level holds
        this.signatures = [];
        this.metadata = [];
        this.metrics = [];
    }

    // Known without making the nodes.
    get width() {
        return Math.ceil(this._items.length / this._step);
    }

    get nodes() {
        if (!this._nodes) {
            const step = this._step;
            this._nodes = [];
            for (let i = 0; i < this._items.length; i += step) {
                this._nodes.push(step === 1 ?
                    this._document.node(this._items.at(i)) : this._range(this._items.slice(i, i + step), i));
            }
        }
        return this._nodes;
    }

    get inputs() {
        return [...new Set(this._known.inputs.map(({ argument }) => argument))];
    }

    get outputs() {
        return [...new Set(this._known.outputs.map(({ argument }) => argument))];
    }

    get _known() {
        this._knownFlows = this._knownFlows || this._flowsOfItems();
        return this._knownFlows;
    }

    // The edges between its nodes. Where nothing is known, neighbours of the file's order.
    get flows() {
        this._flows = this._flows || this._edges();
        return this._flows;
    }

    // Where an item is drawn: its node, and the ranges to unfold for it; null where the item is not here.
    find(kind, index) {
        const blocks = [];
        let level = this;
        let at = level._items.find(kind, index);
        if (at < 0) {
            return null;
        }
        while (level._step > 1) {
            const step = level._step;
            const block = level.nodes[Math.floor(at / step)].block;
            blocks.push(block);
            level = block;
            at %= step;
        }
        return { blocks, node: level.nodes[at] };
    }

    _range(items, start) {
        const names = [0, items.length - 1].map((at) => this._document.label(items.at(at)));
        const owner = this._owner ? `${this._owner}.` : '';
        const [first, last] = names.map((name) => name.match(/^(.*?)\[?(\d+)\]?$/));
        const label = first && last && first[1] === last[1] ?
            `${owner}${first[1]}${first[2]}-${last[2]}` : names.map(shorten).join(' \u2026 ');
        const node = new Node(label, '', label);
        node.block = new Level(this._document, {
            name: plural(items.length, items.noun), identifier: label, key: `${this.key}[${start}:${start + items.length}]`,
            owner: this._owner, items, flows: () => this._flowsWithin(start, start + items.length)
        });
        node.block.range = true;
        node.summary = plural(items.length, items.noun);
        node.ordered = items.noun === 'module';
        return node;
    }

    _flowsWithin(start, end) {
        const inside = (at) => at >= start && at < end;
        const edges = this._known.edges.filter(({ from, to }) => inside(from) && inside(to))
            .map((edge) => ({ ...edge, from: edge.from - start, to: edge.to - start }));
        return { ...NO_FLOWS, edges };
    }

    _edges() {
        const { nodes } = this;
        const at = (position) => nodes[Math.floor(position / this._step)];
        const { edges, inputs, outputs } = this._known;
        const flows = new Map();
        const add = (from, to, facts) => {
            if (from !== to && !list(flows.get(from)).some((flow) => flow.to === to)) {
                const told = facts.facts ? facts.facts() : facts; // of those alone that are drawn
                flows.set(from, [...list(flows.get(from)), new Flow(from, to, told.kind, told)]);
            }
        };
        edges.forEach((edge) => add(at(edge.from), at(edge.to), edge));
        const between = [...flows.values()].flat();
        inputs.forEach((input) => input.to.forEach((position) => add(input.argument, at(position), input)));
        outputs.forEach((output) => add(at(output.from), output.argument, output));
        const all = [...flows.values()].flat();
        // What the file records of a node, if only where its values come from, is more than the order that it stands in.
        const told = new Set(all.filter(({ kind }) => kind === 'recorded').flatMap(({ from, to }) => [from, to]));
        return [...all, ...this._order(between, told)];
    }

    // Parts of the level that no edge joins stand one below the other, in the file's order: which says nothing about
    // what flows where.
    _order(flows, told) {
        const nodes = this.nodes.filter((node) => node.ordered && !told.has(node));
        const positions = new Map(nodes.map((node, i) => [node, i]));
        const group = nodes.map((_, i) => i);
        const find = (i) => {
            while (group[i] !== i) {
                group[i] = group[group[i]];
                i = group[i];
            }
            return i;
        };
        for (const { from, to } of flows.filter(({ from, to }) => positions.has(from) && positions.has(to))) {
            const [a, b] = [find(positions.get(from)), find(positions.get(to))];
            group[Math.max(a, b)] = Math.min(a, b);
        }
        const parts = new Map();
        nodes.forEach((node, i) => parts.set(find(i), [...list(parts.get(find(i))).slice(0, 1), node]));
        // Of each part its first node and its last.
        const ends = [...parts.values()].map((part) => [part[0], part[part.length - 1]]);
        return ends.slice(1).map(([first], i) => new Flow(ends[i][1], first, 'order'));
    }
}
