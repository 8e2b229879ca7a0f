// The edges that the document infers, by the level on which each is drawn: the one of the module that holds both ends.

import { list, text } from './pthview-text.js';

const push = (map, key, value) => {
    if (map.has(key)) {
        map.get(key).push(value);
    } else {
        map.set(key, [value]);
    }
};

export class InferredFlow {

    // `flow` of the document: from[i] -> to[i] because of evidence[why[i]]. An end is a module, or past those a row of
    // `ops`, [operator, module that it stands in]. `tree` is the modules'.
    constructor(flow, tree) {
        const { from, to, why, ops, evidence } = flow || {};
        this._tree = tree;
        this._modules = tree.parents.length;
        this._evidence = list(evidence);
        this.ops = list(ops).map(([op, module]) => ({ op: text(op), module }));
        this._opsOf = new Map(); // module -> operators
        this.ops.forEach(({ module }, i) => push(this._opsOf, module, i));
        this._edges = new Map(); // module -> edges between what it holds
        this._inputs = new Map(); // module -> edges that come from outside
        list(from).forEach((_, i) => this._add(from[i], list(to)[i], list(why)[i]));
    }

    // Operators that stand in `module` itself.
    opsOf(module) {
        return Uint32Array.from(list(this._opsOf.get(module)));
    }

    // [{from, to, ...}] and [{outside, to, ...}], ends as 'module 3' or 'infer 5', for the level of `module`.
    edges(module) {
        return list(this._edges.get(module));
    }

    inputs(module) {
        return list(this._inputs.get(module));
    }

    // From the item drawn for an end up to the root: [{item, holder}], the innermost first.
    _steps(end) {
        const steps = [];
        let at = end;
        if (end >= this._modules) {
            const index = end - this._modules;
            if (!this.ops[index]) {
                return steps;
            }
            steps.push({ item: `infer ${index}`, holder: this.ops[index].module });
            at = this.ops[index].module;
        }
        for (; at >= 0; at = this._tree.parents[at]) {
            steps.push({ item: `module ${at}`, holder: this._tree.parents[at] });
        }
        return steps;
    }

    _add(from, to, why) {
        const [sources, targets] = [this._steps(from), this._steps(to)];
        const holders = new Map(sources.map(({ item, holder }) => [holder, item]));
        const { kind, text: reason } = this._evidence[why] || {};
        const facts = { kind: 'inferred', evidence: text(kind), why: text(reason) };
        for (const { item, holder } of targets) {
            const source = holders.get(holder);
            if (source !== undefined) {
                if (source !== item) {
                    push(this._edges, holder, { from: source, to: item, ...facts });
                }
                return;
            }
            if (holder >= 0) {
                push(this._inputs, holder, { outside: from, to: item, ...facts });
            }
        }
    }
}
