// The document of one file: what its modules and tensors are called, how each is drawn, and where.

import { Items, Level } from './pthview-level.js';
import { KINDS, Tensor } from './pthview-tensor.js';
import { Node, Value, argument, category } from './pthview-node.js';
import { figure, list, local, plural, text, undotted } from './pthview-text.js';
import { Tree } from './pthview-tree.js';

const ROWS_MAX = 24; // tensors listed on a module's own node; more become nodes of their own

export class Document {

    constructor(data) {
        this.id = text(data.id);
        this.modules = data.modules || {};
        this.tensors = data.tensors || {};
        this.tree = new Tree(this.modules, this.tensors);
        this._partPaths = new Map(list(data.parts).map((part) => [part.root, text(part.path)]));
    }

    // A lone module without tensors of its own is not worth a click: the part opens at what it holds.
    root(module) {
        for (;;) {
            const children = this.tree.children(module);
            if (this.tree.own(module).length > 0 || children.length !== 1 || !this._isContainer(children[0])) {
                return module;
            }
            [module] = children;
        }
    }

    // What `module` holds. On a part's `root` level also its own few tensors, which no node of its own could show.
    level(module, { name, root, chained }) {
        const own = this.tree.own(module);
        const modules = this.tree.children(module);
        const rows = own.length <= ROWS_MAX;
        return new Level(this, {
            name, identifier: text(this.modules.path[module]) || name, chained,
            owner: this.tree.parents[module] < 0 ? '' : this._local(module),
            items: new Items(rows ?
                { own: root && own.length > 0 ? Uint32Array.of(module) : undefined, modules } : { tensors: own, modules })
        });
    }

    // ---- What a level asks for ----

    label(item) {
        return item.kind === 'tensor' ? this._tensorLabel(item.index) : this._local(item.index);
    }

    node(item, chained) {
        switch (item.kind) {
            case 'tensor': {
                const node = new Node(undotted(this._tensorLabel(item.index)), text(this.tensors.name[item.index]));
                node.inputs.push(this._weight(item.index, KINDS[this.tensors.kind[item.index]] || 'tensor'));
                return node;
            }
            case 'own': {
                const node = new Node('Tensors', this._path(item.index));
                node.type.category = 'data';
                node.inputs = this._weights(item.index);
                return node;
            }
            default: {
                return this._moduleNode(item.index, chained);
            }
        }
    }

    // Where a module or tensor is drawn: the part's level (`target`), the `blocks` to unfold in it, the `node` and, of a
    // tensor, the node's `argument`. `parts` has each part's level by its root. Null when it is nowhere.
    locate(parts, kind, index) {
        const module = kind === 'tensor' ? this.tensors.module[index] : index;
        const way = this.tree.pathTo(module, (at) => parts.has(at));
        if (!way) {
            return null;
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
            if (!step('module', at)) {
                return null;
            }
        }
        if (kind === 'tensor') {
            if (this.tree.own(module).length > ROWS_MAX) {
                step('tensor', index);
            } else if (!location.node) {
                step('own', module);
            }
            location.argument = location.node.inputs.find(({ value }) =>
                Array.isArray(value) && value[0].initializer && value[0].initializer.index === index);
        }
        return location;
    }

    // ---- Names ----

    _path(module) {
        return text(this.modules.path[module]) || text(this.modules.name[module]);
    }

    // The last step of the module's path.
    _local(module) {
        return text(this.modules.name[module]) || this._path(module);
    }

    // The tensor's name within its module. Names of parts that collide are paths, which begin with the part's.
    _tensorLabel(index) {
        const module = this.tensors.module[index];
        const part = this._partPaths.get(this.tree.top(module));
        const name = text(this.tensors.name[index]);
        const parents = [this._path(module), [part, this._path(module)].filter((path) => path).join('.')];
        return parents.map((parent) => local(name, parent)).find((label) => label !== name) || name;
    }

    // ---- Nodes ----

    _isContainer(module) {
        return this.tree.children(module).length > 0 || this.tree.own(module).length > ROWS_MAX;
    }

    _moduleNode(module, chained) {
        const name = this._local(module);
        const type = text(this.modules.class[module]);
        const container = this._isContainer(module);
        const parameters = this.tree.parameters[module];
        const tensors = this.tree.own(module).length;
        const node = new Node(type || undotted(name) || 'Module', this._path(module));
        node.chained = true;
        if (type) {
            node.type.category = container ? '' : category(type);
        }
        node.attributes = list(this.modules.attributes[module]).map(([name, value, inferred]) =>
            argument(text(name), text(value), inferred ? 'inferred from shapes' : null));
        if (tensors <= ROWS_MAX) {
            node.inputs = this._weights(module);
        }
        if (container) {
            const count = this.tree.children(module).length;
            const title = count > 0 ? plural(count, 'module') : plural(tensors, 'tensor');
            node.fold(type ? name : plural(parameters, 'parameter'), this.level(module, { name: title, root: false, chained }));
        }
        const training = this.modules.training[module];
        node.metadata = [
            ...(type ? [argument('class', this.modules.inferred[module] ? `${type} (inferred)` : type)] : []),
            argument('parameters', figure(parameters)),
            ...(training === 0 || training === 1 ? [argument('training', training === 1)] : [])
        ];
        return node;
    }

    _weights(module) {
        return Array.from(this.tree.own(module), (index) => this._weight(index, this._tensorLabel(index)));
    }

    _weight(index, name) {
        return argument(name, [new Value('', new Tensor(this, index))]);
    }
}
