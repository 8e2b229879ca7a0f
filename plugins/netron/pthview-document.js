// The document of one file: what its modules and tensors are called, how each is drawn, and where.

import { FlowGraph } from './pthview-graph.js';
import { InferredFlow } from './pthview-inferred.js';
import { Items, Level, ListItems } from './pthview-level.js';
import { KINDS, Tensor } from './pthview-tensor.js';
import { Node, Value, argument, category } from './pthview-node.js';
import { figure, list, local, plural, text } from './pthview-text.js';
import { json } from './pthview-page.js';
import { shown } from './pthview-window.js';
import { Tree } from './pthview-tree.js';

const ROWS_MAX = 24; // tensors listed on a module's own node; more become nodes of their own

export class Document {

    constructor(data) {
        this.id = text(data.id);
        this.modules = data.modules || {};
        this.tensors = data.tensors || {};
        this.tree = new Tree(this.modules, this.tensors);
        this.inferred = new InferredFlow(data.flow, this.tree);
        this._graphs = new Map(); // by a part's root
        this._methods = [];
        this._bodies = [];
        this.simplified = true;
        this._scalars = null;
        this._waiting = []; // [index, known] of Tensor.scalar
        this._modelRoots = new Set(list(data.parts).filter((part) => part.kind === 'model').map((part) => part.root));
        this._namedOptimizers = list(data.findings).filter(({ code }) => code === 'optimizer-names').map(({ where }) => text(where));
        this._partPaths = new Map(list(data.parts).map((part) => [part.root, text(part.path)]));
    }

    // A lone module without tensors of its own is not worth a click: the part opens at what it holds.
    root(module) {
        for (;;) {
            const next = this._only(module);
            if (next < 0 || !this._isContainer(next)) {
                return module;
            }
            module = next;
        }
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
        return {
            edges: edges.map(({ from, to, values }) => ({ from: positions.get(from), to: positions.get(to), ...graph.describe(values) })),
            inputs: inputs.map(({ value, to }) =>
                ({ argument: end(value), to: [...to].map((item) => positions.get(item)), ...graph.describe([value]) })),
            outputs: outputs.map(({ value, from }) => ({ argument: end(value), from: positions.get(from), ...graph.describe([value]) }))
        };
    }

    _tensorsOf(graph, index) {
        return list(graph.nodes.inputs[index]).flatMap(([, values]) => values.map((value) => graph.data.values.tensor[value]))
            .filter((tensor) => tensor >= 0);
    }

    // What `module` holds. On a part's `root` level also its own few tensors, which no node of its own could show.
    level(module, { name, root }) {
        if (root && this.graphOf(this.tree.top(module))) {
            const graph = this.graphOf(this.tree.top(module));
            return this._scopeLevel(graph, this._scopeBelow(graph, module), name, this.path(module));
        }
        const own = this.tree.own(module);
        const modules = this.tree.children(module);
        const rows = own.length <= ROWS_MAX;
        const ops = this.inferred.opsOf(module);
        const items = new Items(rows ?
            { own: root && own.length > 0 ? Uint32Array.of(module) : undefined, modules, ops } : { tensors: own, modules, ops });
        return new Level(this, {
            name, identifier: text(this.modules.path[module]) || name,
            key: this.path(module),
            owner: this.tree.parents[module] < 0 ? '' : this.localName(module),
            items, flows: () => this._inferredFlows(module, items)
        });
    }

    _inferredFlows(module, items) {
        const at = (item) => {
            const [kind, index] = item.split(' ');
            return items.find(kind, Number(index));
        };
        const sources = new Map();
        for (const input of this.inferred.inputs(module)) {
            if (!sources.has(input.outside)) {
                const op = this.inferred.ops[input.outside - this.tree.parents.length];
                const name = op ? op.op : this.path(input.outside) || this.localName(input.outside);
                sources.set(input.outside, { ...input, argument: argument(name, [new Value(name)]), to: [] });
            }
            sources.get(input.outside).to.push(at(input.to));
        }
        return {
            edges: this.inferred.edges(module).map((edge) => ({ ...edge, from: at(edge.from), to: at(edge.to) }))
                .filter(({ from, to }) => from >= 0 && to >= 0),
            inputs: [...sources.values()].map((input) => ({ ...input, to: input.to.filter((position) => position >= 0) }))
                .filter(({ to }) => to.length > 0),
            outputs: []
        };
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

    // ---- What a level asks for ----

    label(item) {
        switch (item.kind) {
            case 'tensor': return this._tensorLabel(item.index);
            case 'infer': return this.inferred.ops[item.index].op;
            case 'op': return text(item.graph.nodes.op[item.index]);
            case 'scope': return this.localName(item.module);
            default: return this.localName(item.index);
        }
    }

    node(item) {
        switch (item.kind) {
            case 'tensor': {
                const node = new Node(this._tensorLabel(item.index), '', text(this.tensors.name[item.index]));
                node.inputs.push(this._weight(item.index, KINDS[this.tensors.kind[item.index]] || 'tensor'));
                node.tensor = item.index;
                return node;
            }
            case 'own': {
                const node = new Node(this.localName(item.index) || 'Tensors', '', this.path(item.index));
                node.type.category = 'data';
                node.inputs = this._weights(item.index);
                node.module = item.index;
                return node;
            }
            case 'infer': {
                const { op, module } = this.inferred.ops[item.index];
                const node = new Node('', op, this.path(module) ? `${this.path(module)}.${op}` : op);
                node.ordered = true;
                node.metadata = [argument('operator', 'inferred: the pattern that its edges name has it; the file does not')];
                return node;
            }
            case 'scope': {
                return this._scopeNode(item.graph, item.index);
            }
            case 'op': {
                return this._opNode(item.graph, item.index);
            }
            default: {
                return this._moduleNode(item.index);
            }
        }
    }

    // Where a module or tensor is drawn: the part's level (`target`), the `blocks` to unfold in it, the `node` and, of a
    // tensor, the node's `argument`. `parts` has each part's level by its root. Null when it is nowhere.
    locate(parts, kind, index) {
        const module = kind === 'tensor' ? this.tensors.module[index] : index;
        const way = this.tree.pathTo(module, (at) => parts.has(at));
        if (!way) {
            // Above the module at which its part opens.
            const below = [...parts].find(([root]) => this.tree.pathTo(root, (at) => at === module));
            return below ? { target: below[1], blocks: [], node: null, argument: null } : null;
        }
        const target = parts.get(way.ancestor);
        const location = { target, blocks: [], node: null, argument: null };
        const level = () => location.node ? location.node.block : target;
        const step = (kind, index) => {
            const found = level().find(kind, index);
            if (found) {
                location.blocks.push(...(location.node ? [location.node.block] : []), ...found.blocks);
                location.node = found.node;
            }
            return found;
        };
        for (const at of way.path) {
            // One frame stands for a nest of modules that hold nothing but each other.
            if (!(location.node && location.node.nest.includes(at)) && !step('module', at)) {
                return null;
            }
        }
        if (kind === 'tensor') {
            if (this.tree.own(module).length > ROWS_MAX) {
                step('tensor', index);
            } else if (!location.node) {
                step('own', module) || step('tensor', index);
            }
            if (!location.node) {
                return location;
            }
            location.argument = location.node.inputs.find(({ value }) =>
                Array.isArray(value) && value[0].initializer && value[0].initializer.index === index) || null;
        }
        return location;
    }

    // ---- What is asked of the server later ----

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
        const uses = [...this._graphs.values()].flatMap((graph) => graph.usesOf(index).map((node) => {
            const module = graph.nodes.module[node];
            return {
                section: 'Used by', title: text(graph.nodes.op[node]), note: module >= 0 ? this.path(module) : '',
                kind: module >= 0 ? 'module' : 'tensor', index: module >= 0 ? module : index
            };
        }));
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

    // ---- Names ----

    path(module) {
        return text(this.modules.path[module]) || text(this.modules.name[module]);
    }

    // The last step of the module's path.
    localName(module) {
        return text(this.modules.name[module]) || this.path(module);
    }

    // The tensor's name within its module. Names of parts that collide are paths, which begin with the part's.
    _tensorLabel(index) {
        const module = this.tensors.module[index];
        const part = this._partPaths.get(this.tree.top(module));
        const name = text(this.tensors.name[index]);
        const parents = [this.path(module), [part, this.path(module)].filter((path) => path).join('.')];
        return parents.map((parent) => local(name, parent)).find((label) => label !== name) || name;
    }

    // The name of a class without the folders that it comes from.
    className(module) {
        return text(this.modules.class[module]);
    }

    // ---- Nodes ----

    _isContainer(module) {
        return this.tree.children(module).length > 0 || this.tree.own(module).length > ROWS_MAX;
    }

    // The one thing that `module` holds when that is another module; else -1.
    _only(module) {
        const children = this.tree.children(module);
        return this.tree.own(module).length === 0 && children.length === 1 ? children[0] : -1;
    }

    _moduleNode(module) {
        const nest = [module];
        for (let next = this._only(module); next >= 0; next = this._only(next)) {
            nest.push(next);
            module = next;
        }
        const node = this._nodeOf(nest);
        if (this._isContainer(module)) {
            node.block = this.level(module, { name: this._held(module), root: false });
        }
        return node;
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
            node.type.category = node.type.category || category(text(graph.nodes.op[main.index]));
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

    // Where the node stands in its source.
    _place(node, graph, index) {
        node.location = text(list(graph.nodes.location)[index]);
        node.source = text(list(graph.nodes.source)[index]);
    }

    _opNode(graph, index) {
        const { nodes } = graph;
        const op = text(nodes.op[index]);
        const node = new Node('', op, text(nodes.name[index]));
        node.type.category = category(op);
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

    _held(module) {
        const count = this.tree.children(module).length;
        return count > 0 ? plural(count, 'module') : plural(this.tree.own(module).length, 'tensor');
    }

    // The frame of a nest of modules, without what is inside.
    _nodeOf(nest) {
        const module = nest[nest.length - 1];
        const title = nest.map((at) => this.localName(at)).join('.');
        const types = nest.map((at) => this.className(at)).filter((type) => type);
        // Of a nest the class that says most.
        const type = types.find((type) => !/(^|\.)(Sequential|Module(List|Dict)?)$/.test(type)) || types[0] || '';
        const container = this._isContainer(module);
        const parameters = this.tree.parameters[module];
        const node = new Node(title, type, this.path(module));
        node.ordered = true;
        node.module = module;
        node.nest = nest;
        if (type) {
            node.type.category = container ? '' : category(type);
        }
        node.attributes = nest.flatMap((at) => list(this.modules.attributes[at])).map(([name, value, inferred]) =>
            argument(text(name), text(value), inferred ? 'inferred from shapes' : null));
        if (this.tree.own(module).length <= ROWS_MAX) {
            node.inputs = this._weights(module);
        }
        if (container) {
            node.summary = parameters > 0 ? `${this._held(module)}, ${plural(parameters, 'parameter')}` : this._held(module);
        }
        const training = this.modules.training[module];
        const inferred = this.modules.inferred[module];
        node.metadata = [
            ...types.map((type) => argument('class', inferred ? `${type} (inferred)` : type)),
            argument('parameters', figure(parameters)),
            ...(training === 0 || training === 1 ? [argument('training', training === 1)] : [])
        ];
        return node;
    }

    _weights(module) {
        return Array.from(this.tree.own(module), (index) => this._weight(index, this._tensorLabel(index)));
    }

    // What Netron's panel of a tensor is opened with.
    argumentOf(index) {
        return this._weight(index, this._tensorLabel(index));
    }

    _weight(index, name) {
        return argument(name, [new Value('', new Tensor(this, index))]);
    }
}
