// The columns of one file's document, and what is found in them: names, paths, what belongs to a tensor, scalars.

import { list, local, text } from './pthview-text.js';
import { Tree } from './pthview-tree.js';
import { json } from './pthview-page.js';
import { shown } from './pthview-window.js';

export const ROWS_MAX = 24; // tensors listed on a module's own node; more become nodes of their own

export class Lookup {

    constructor(data) {
        this.id = text(data.id);
        this.modules = data.modules || {};
        this.tensors = data.tensors || {};
        this.tree = new Tree(this.modules, this.tensors);
        this._scalars = null;
        this._waiting = []; // [index, known] of Tensor.scalar
        this._modelRoots = new Set(list(data.parts).filter((part) => part.kind === 'model').map((part) => part.root));
        this._namedOptimizers = list(data.findings).filter(({ code }) => code === 'optimizer-names').map(({ where }) => text(where));
        this._partPaths = new Map(list(data.parts).map((part) => [part.root, text(part.path)]));
    }

    path(module) {
        return text(this.modules.path[module]) || text(this.modules.name[module]);
    }

    // The last step of the module's path.
    localName(module) {
        return text(this.modules.name[module]) || this.path(module);
    }

    // The class with the module path that it comes from; empty where it is not known.
    className(module) {
        return text(this.modules.class[module]);
    }

    // The tensor's name within its module. Names of parts that collide are paths, which begin with the part's.
    _tensorLabel(index) {
        const module = this.tensors.module[index];
        const part = this._partPaths.get(this.tree.top(module));
        const name = text(this.tensors.name[index]);
        const parents = [this.path(module), [part, this.path(module)].filter((path) => path).join('.')];
        return parents.map((parent) => local(name, parent)).find((label) => label !== name) || name;
    }

    _isContainer(module) {
        return this.tree.children(module).length > 0 || this.tree.own(module).length > ROWS_MAX;
    }

    // The one thing that `module` holds when that is another module; else -1.
    _only(module) {
        const children = this.tree.children(module);
        return this.tree.own(module).length === 0 && children.length === 1 ? children[0] : -1;
    }

    // The module or tensor of a path or name, {kind, index}; null for none.
    findByPath(path) {
        if (!path) {
            return null;
        }
        this._found = this._found || new Map();
        if (this._found.size === 0) {
            const add = (kind) => (name, index) => {
                if (name && !this._found.has(name)) {
                    this._found.set(name, { kind, index });
                }
            };
            list(this.tensors.path).forEach(add('tensor'));
            list(this.tensors.name).forEach(add('tensor'));
            list(this.modules.path).forEach(add('module'));
            this._partPaths.forEach((path, root) => add('module')(path, root));
            list(this.modules.path).forEach((path, index) => {
                const part = path ? this._partPaths.get(this.tree.top(index)) : '';
                add('module')(part ? `${part}.${path}` : '', index);
            });
        }
        return this._found.get(path) || null;
    }

    // See Tensor.scalar. All scalars of the file are asked for at once, after the first one is drawn.
    scalar(index, known) {
        if (this._scalars instanceof Map) {
            if (this._scalars.has(index)) {
                known(this._scalars.get(index));
            }
            return;
        }
        this._waiting.push([index, known]);
    }

    async readScalars() {
        if (this._waiting.length === 0) {
            return;
        }
        const { scalars } = await json(`api/v1/files/${encodeURIComponent(this.id)}/scalars`);
        this._scalars = new Map(scalars.map(([index, value]) => [index, shown(value)]));
        this._waiting.splice(0).forEach(([index, known]) => this.scalar(index, known));
    }

    // What belongs to a tensor and stands elsewhere: [{section, title, note, kind, index}]. Nodes of the recorded graphs
    // that use it, states of the optimizer of its shape and name, and tensors that are the same one.
    related(index) {
        const uses = this.usesOf(index).map(({ graph, node }) => {
            const module = graph.nodes.module[node];
            return {
                section: 'Used by', title: text(graph.nodes.op[node]), note: module >= 0 ? this.path(module) : '',
                kind: module >= 0 ? 'module' : 'tensor', index: module >= 0 ? module : index
            };
        });
        const states = list(this.statesOf(index)).map((state) => ({
            section: 'Optimizer state', title: text(this.tensors.path[state]).replace(/^.*[.\]]/, ''), note: text(this.tensors.path[state]),
            kind: 'tensor', index: state
        }));
        return [...uses, ...states];
    }

    // The tensors of optimizer states that belong to a parameter. The file numbers them; the finding "optimizer-names" says
    // that, taken in order, they fit the parameters of a part.
    statesOf(index) {
        if (!this._states) {
            this._states = new Map();
            const parameters = new Map([...this._modelRoots].map((root) => [root, []]));
            list(this.tensors.name).forEach((_, i) => {
                const of = this.tensors.kind[i] === 0 && !(list(this.tensors.same_as)[i] >= 0) ?
                    parameters.get(this.tree.top(this.tensors.module[i])) : null;
                if (of) {
                    of.push(i);
                }
            });
            this._namedOptimizers.forEach((part) => this._joinStates(part, [...parameters.values()]));
        }
        return this._states.get(index);
    }

    // To the first of `candidates`, parameters of one part each, whose shapes the states have.
    _joinStates(part, candidates) {
        const states = [];
        list(this.tensors.path).forEach((path, state) => {
            const match = text(path).startsWith(`${part}.state[`) ? text(path).substring(part.length).match(/^\.state\[(\d+)\]\./) : null;
            if (match) {
                states.push([state, Number(match[1])]);
            }
        });
        const shape = (i) => list(this.tensors.shape[i]).join();
        const parameters = candidates.find((of) => states.every(([state, number]) =>
            number < of.length && (shape(state) === '' || shape(state) === shape(of[number]))));
        if (parameters) {
            states.forEach(([state, number]) =>
                this._states.set(parameters[number], [...list(this._states.get(parameters[number])), state]));
        }
    }

    // The nodes of recorded graphs that use a tensor: see GraphDocument.
    usesOf() {
        return [];
    }
}
