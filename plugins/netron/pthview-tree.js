// The document's columns as a tree: which modules and tensors a module holds. Numbers in typed arrays; nothing is made
// per module or tensor.

import { list } from './pthview-text.js';

// The numbers 0, 1, ... by what holds them, in their order: a function from the holder to its numbers. A holder below 0
// is none.
const group = (holders, count) => {
    const ends = new Uint32Array(count + 1);
    for (const holder of holders) {
        if (holder >= 0) {
            ends[holder + 1]++;
        }
    }
    for (let i = 0; i < count; i++) {
        ends[i + 1] += ends[i];
    }
    const members = new Uint32Array(ends[count]);
    const next = ends.slice();
    for (let i = 0; i < holders.length; i++) {
        if (holders[i] >= 0) {
            members[next[holders[i]]++] = i;
        }
    }
    return (holder) => members.subarray(ends[holder], ends[holder + 1]);
};

// The same modules in the order of their names where all of these are numbers.
const byNumber = (modules, names) => {
    for (let i = 1; i < modules.length; i++) {
        if (!/^\d+$/.test(names[modules[i - 1]]) || !/^\d+$/.test(names[modules[i]])) {
            return modules;
        }
        if (Number(names[modules[i - 1]]) > Number(names[modules[i]]) && Array.from(modules).every((module) => /^\d+$/.test(names[module]))) {
            return Uint32Array.from(modules).sort((a, b) => names[a] - names[b] || a - b);
        }
    }
    return modules;
};

export class Tree {

    // `modules` and `tensors` of the document. Throws for a tensor that belongs to no module.
    constructor(modules, tensors) {
        const count = list(modules.name).length;
        this.parents = new Int32Array(count);
        for (let i = 0; i < count; i++) {
            // A parent stands before its children; anything else is no parent, so walks up always end.
            const parent = modules.parent[i];
            this.parents[i] = Number.isInteger(parent) && parent >= 0 && parent < i ? parent : -1;
        }
        const holders = new Int32Array(list(tensors.name).length);
        this.parameters = new Float64Array(count); // with those of what a module holds
        for (let i = 0; i < holders.length; i++) {
            const module = tensors.module[i];
            if (!Number.isInteger(module) || module < 0 || module >= count) {
                throw new Error(`Tensor ${i} belongs to no module.`);
            }
            // A second name of a tensor in the same module (an LSTM's _flat_weights) is no second tensor.
            const same = list(tensors.same_as)[i];
            const again = Number.isInteger(same) && same >= 0 && same < i;
            holders[i] = again && tensors.module[same] === module ? -1 : module;
            if (tensors.kind[i] === 0 && !again) {
                let numel = 1;
                for (const extent of list(tensors.shape[i])) {
                    numel *= extent;
                }
                this.parameters[module] += numel;
            }
        }
        for (let i = count - 1; i >= 0; i--) {
            if (this.parents[i] >= 0) {
                this.parameters[this.parents[i]] += this.parameters[i];
            }
        }
        // module -> Uint32Array of modules, numbered ones by number: some formats sort names as text
        const children = group(this.parents, count);
        const sorted = new Map();
        this.children = (module) => {
            if (!sorted.has(module)) {
                sorted.set(module, byNumber(children(module), modules.name));
            }
            return sorted.get(module);
        };
        this.own = group(holders, count); // module -> Uint32Array of tensors
    }

    // From `module` upwards the first for which `found` holds, and the modules from below it down to `module`; null
    // when there is none.
    pathTo(module, found) {
        const path = [];
        for (let at = module; at >= 0; at = this.parents[at]) {
            if (found(at)) {
                return { ancestor: at, path };
            }
            path.unshift(at);
        }
        return null;
    }

    top(module) {
        while (this.parents[module] >= 0) {
            module = this.parents[module];
        }
        return module;
    }
}
