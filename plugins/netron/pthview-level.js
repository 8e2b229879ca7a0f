// One drawn level, Netron's Graph: the nodes of what a module holds, folded into ranges where there are too many.

import { Node, Value, argument } from './pthview-node.js';
import { plural, shorten } from './pthview-text.js';

const LEVEL_MAX = 200; // nodes on one drawn level; wider levels fold into ranges
const RANGE = 100; // items in a range, then ranges in a range of ranges, ...

const NONE = new Uint32Array(0);

// What a level shows, in order: at most one 'own' (a module by its tensors alone), then tensors, then modules.
export class Items {

    constructor({ own = NONE, tensors = NONE, modules = NONE }) {
        this._runs = [['own', own], ['tensor', tensors], ['module', modules]];
        this.length = own.length + tensors.length + modules.length;
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
        const [own, tensors, modules] = this._runs.map(([, indices]) => {
            const cut = indices.subarray(Math.max(0, from - start), Math.max(0, to - start));
            start += indices.length;
            return cut;
        });
        return new Items({ own, tensors, modules });
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

export class Level {

    // `document` makes the nodes (node, label). `owner` is the name that a range's own begins with; a `chained` level
    // joins its nodes by edges. Nodes are made when they are first asked for.
    constructor(document, { name, identifier, owner, chained, items }) {
        this._document = document;
        this._chained = chained;
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
        this.inputs = [];
        this.outputs = [];
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
                    this._document.node(this._items.at(i), this._chained) : this._range(this._items.slice(i, i + step)));
            }
            if (this._chained) {
                this._chain();
            }
        }
        return this._nodes;
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

    _range(items) {
        const names = [0, items.length - 1].map((at) => this._document.label(items.at(at)));
        const owner = this._owner ? `${this._owner}.` : '';
        const [first, last] = names.map((name) => name.match(/^(.*?)\[?(\d+)\]?$/));
        const label = first && last && first[1] === last[1] ?
            `${owner}${first[1]}${first[2]}-${last[2]}` : names.map(shorten).join(' \u2026 ');
        const node = new Node('Range', label);
        node.fold(label, new Level(this._document, {
            name: plural(items.length, items.noun), identifier: label, owner: this._owner, chained: this._chained, items
        }));
        node.chained = items.noun === 'module';
        return node;
    }

    // x -> node -> x: the order of appearance, which is all that a state_dict tells.
    _chain() {
        let last = null;
        for (const node of this._nodes.filter((node) => node.chained)) {
            if (last) {
                const value = new Value(last.name);
                last.outputs.push(argument('output', [value]));
                node.inputs.unshift(argument('input', [value]));
            }
            last = node;
        }
    }
}
