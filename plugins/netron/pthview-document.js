// What the modules and tensors of one file are drawn as, level by level, and where each stands.

import { InferredFlow } from './pthview-inferred.js';
import { Items, Level } from './pthview-level.js';
import { KINDS, Tensor } from './pthview-tensor.js';
import { Lookup, ROWS_MAX } from './pthview-lookup.js';
import { Node, Value, argument, category } from './pthview-node.js';
import { figure, list, plural, text } from './pthview-text.js';

export class Document extends Lookup {

    constructor(data) {
        super(data);
        this.inferred = new InferredFlow(data.flow, this.tree);
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

    // What `module` holds. On a part's `root` level also its own few tensors, which no node of its own could show.
    level(module, { name, root }) {
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

    label(item) {
        switch (item.kind) {
            case 'tensor': return this._tensorLabel(item.index);
            case 'infer': return this.inferred.ops[item.index].op;
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
