// How a node is drawn: its header carries name and class together and unfolds what is inside, in the node's own frame.

import { Node } from './pthview-node.js';
import { Tensor } from './pthview-tensor.js';

const NAME_MAX = 32;
const CLASS_MAX = 28;

// The end of a name tells it from its neighbours, so that is what stays.
const end = (text, most) => text.length > most ? `\u2026${text.slice(1 - most)}` : text;

const SVG = 'http://www.w3.org/2000/svg';

// Name and class as two runs of one line.
const writeTitle = (entry, name, type) => {
    entry.content = name;
    const build = entry.build.bind(entry);
    entry.build = (document, parent) => {
        build(document, parent);
        const runs = [[name, 'pthview-name'], [type, 'pthview-class']].filter(([text]) => text);
        entry.text.replaceChildren(...runs.map(([text, style], i) => {
            const run = document.createElementNS(SVG, 'tspan');
            run.setAttribute('class', style);
            if (i > 0) {
                run.setAttribute('dx', '6');
            }
            run.textContent = text;
            return run;
        }));
    };
};

// Whether an attribute is worth a line: not what is absent or the usual.
const USUAL = new Map([['dilation', /^[([]?(1(, 1)*),?[)\]]?$/], ['padding', /^[([]?(0(, 0)*),?[)\]]?$/], ['output_padding', /^[([]?(0(, 0)*),?[)\]]?$/],
    ['stride', /^[([]?(1(, 1)*),?[)\]]?$/], ['groups', /^1$/], ['alpha', /^1(\.0)?$/], ['inplace', /./], ['training', /./], ['cudnn_enabled', /./],
    ['num_embeddings', /./], ['embedding_dim', /./], ['norm_type', /./], ['mode', /./], ['dropout', /^0(\.0)?$/], ['proj_size', /^0$/], ['in_channels', /./], ['out_channels', /./], ['in_features', /./], ['out_features', /./], ['num_features', /./], ['affine', /True/],
    ['track_running_stats', /True/], ['padding_mode', /zeros/], ['benchmark', /./], ['deterministic', /./], ['allow_tf32', /./], ['bias', /True/]]);
const telling = ({ name, value }) => !name.startsWith('_') && !/^(None|False|\[\]|\(\)|)$/.test(String(value)) && !(USUAL.has(name) && USUAL.get(name).test(String(value)));

// Levels with one block among hardly anything else open by themselves: on their own they say nothing yet.
export const unfold = (blocks, level) => {
    for (let at = level; at;) {
        blocks.add(at);
        const inner = at.width <= 2 ? at.nodes.filter((node) => node.block) : [];
        at = inner.length === 1 && !blocks.has(inner[0].block) ? inner[0].block : null;
    }
};

// Puts our drawing of nodes in place of Netron's. `netron` is what view.js exports.
export const installBlocks = (netron) => {
    const { Argument, Edge, Block } = netron;

    netron.Node = class extends netron.Node {

        _add(value, type) {
            if (type || !(value instanceof Node)) {
                super._add(value, type);
                return;
            }
            this._header(value);
            this._body(value);
            if (this._open(value)) {
                this.blocks.push(new netron.Block(this.context.view, value.block, this.context.blocks));
            }
        }

        _open(value) {
            return value.block !== null && this.context.blocks.has(value.block);
        }

        _header(value) {
            const { context } = this;
            const header = this.header();
            const category = value.type.category ? `node-item-type-${value.type.category}` : '';
            const styles = ['node-item-type', ...(category ? [category] : []), ...(value.block ? ['pthview-fold'] : [])];
            const title = header.add(null, styles);
            const name = context.options.names ? value.name || value.title : value.title;
            const type = value.type.name.split('.').pop();
            writeTitle(title, end(name || type, NAME_MAX), name ? end(type, CLASS_MAX) : '');
            title.tooltip = [value.name, value.type.name, value.summary].filter((part) => part).join('\n');
            this.definition = title; // what stays in its place on the screen when the node unfolds
            if (!value.block) {
                title.on('click', () => context.activate(value, 'target'));
                return;
            }
            const toggle = () => {
                const rect = title.element.getBoundingClientRect();
                if (context.blocks.has(value.block)) {
                    context.blocks.delete(value.block);
                } else {
                    unfold(context.blocks, value.block);
                }
                context.view.refresh({ value, rect });
            };
            const sign = header.add(null, styles);
            sign.content = this._open(value) ? '\u2212' : '+';
            sign.tooltip = this._open(value) ? 'Fold' : 'Unfold';
            sign.padding = 7;
            title.on('click', toggle);
            sign.on('click', toggle);
        }

        _body(value) {
            const { context } = this;
            let list = null;
            const add = (item) => {
                if (!list) {
                    list = this.list();
                    list.on('click', () => context.activate(value, 'target'));
                }
                list.add(item);
            };
            const line = (name, content, tooltip) => {
                const item = new netron.ArgumentText(name, content);
                item.separator = content ? ' = ' : '=';
                item.tooltip = tooltip;
                add(item);
                return item;
            };
            if (value.summary) {
                line(value.summary, '', 'Properties').note = true;
            }
            // What was recorded and says something; all of it, and what shapes tell anyhow, where attributes are asked for.
            const { attributes } = context.options;
            value.attributes.filter((attribute) => attributes || (!attribute.type && telling(attribute))).slice(0, attributes ? 100 : 6)
                .forEach((attribute) => line(attribute.name, end(String(attribute.value), 24), attribute.type || ''));
            if (context.options.weights) {
                for (const argument of value.inputs) {
                    if (Array.isArray(argument.value) && argument.value.length === 1 && argument.value[0].initializer) {
                        add(context.createArgument(argument));
                    }
                }
            }
        }
    };

    // A line of a node that opens nothing of its own: an attribute, or how much is inside.
    netron.ArgumentText = class extends Object.getPrototypeOf(Argument) {

        build(document, parent) {
            super.build(document, parent);
            if (this.note) {
                this.text.lastChild.textContent = '';
                this.element.classList.add('pthview-note-line');
            }
        }
    };

    // The value of a scalar stands beside its name, once the server has told it.
    netron.Argument = class extends Argument {

        constructor(context, value) {
            super(context, value);
            const tensor = value.value[0].initializer;
            if (tensor instanceof Tensor && tensor.shape.length === 0) {
                this.separator = ' = ';
                this.content = '\u2007'.repeat(6); // room for it
                tensor.scalar((text) => {
                    this.content = text;
                    if (this.text) {
                        this.text.lastChild.textContent = ` = ${text}`;
                    }
                });
            }
        }
    };

    // The frame may be wider than what is inside, which then stands in its middle.
    netron.Block = class extends Block {

        update() {
            super.update();
            const spare = Math.max(0, this.width - (this.target.width || 0) - 2 * this._padding) / 2;
            const [x, y] = [this._padding - (this.target.originX || 0) + spare, this._padding - (this.target.originY || 0)];
            this._origin.setAttribute('transform', `translate(${x},${y})`);
        }
    };

    // Netron leaves twice the room below a node that has nothing but weights. An edge says what runs along it.
    netron.Edge = class extends Edge {

        get minlen() {
            return 1;
        }

        build(...values) {
            super.build(...values);
            if (this.tooltip && this.hitTest) {
                const title = document.createElementNS(SVG, 'title');
                title.textContent = this.tooltip;
                this.hitTest.append(title);
            }
        }
    };
};
