// Netron's model of one file served by `pthview serve`, built lazily from the document at data/<id>.netron
// (README.md has the document and the rules). Netron loads this module first for any address ending in .netron.
//
// In: a JSON document of parallel arrays. Everything in it comes from an untrusted file and is only ever handed on as
// text and numbers. Out: the objects that view.js reads (Model, Graph, Node, Argument, Value, Tensor).
// Objects are made only for what is drawn: a level's nodes exist once the level is unfolded, a tensor's values once it
// is opened.

import { graphs } from './pthview-files.js';
import { GraphDocument } from './pthview-scopes.js';
import { argument } from './pthview-node.js';
import { figure, list, text } from './pthview-text.js';

const SIGNATURE = 'pthview/1';

class Model {

    constructor(data) {
        const document = new GraphDocument(data);
        const valid = /^[a-zA-Z][a-zA-Z0-9-.]*( [a-zA-Z][a-zA-Z0-9-.]*)*( v\d+(\.\d+)*)?$/;
        this.format = valid.test(text(data.format)) ? data.format : 'PyTorch';
        this.producer = text(data.producer).replace(/[^\x20-\x7E]/g, '?');
        this.name = text(data.name);
        this.metadata = [];
        // For the bar and the properties.
        this.data = {
            format: text(data.format_text) || this.format, findings: list(data.findings),
            tensors: list(document.tensors.name).length, size: data.size, summary: text(data.summary),
            values: list(data.metadata).map(([name, value]) => [text(name), text(value)]), document
        };
        this._document = document;
        this._parts = new Map();
        this._listedParts = list(data.parts);
        const parts = list(data.parts).filter((part) => document.modules.name && part.root in document.modules.name);
        const order = (part) => part.kind === 'model' ? 0 : part.kind === 'ema' ? 1 : 2;
        this.data.parts = parts;
        parts.sort((a, b) => order(a) - order(b));
        this.useGraphs();
        this.data.parameters = parts.filter((part) => part.kind === 'model').reduce((sum, part) =>
            sum + (Number.isFinite(part.parameters) ? part.parameters : document.tree.parameters[part.root]), 0);
        this.metrics = [argument('parameters', figure(this.data.parameters))];
    }

    get document() {
        return this._document;
    }

    // Levels anew, with the graphs that are known by now, and `simplified` or whole.
    useGraphs() {
        this._document.simplified = graphs.simplified;
        this._document.setGraphs(graphs.known, this._listedParts);
        this._parts.clear();
        this.modules = [...this.data.parts.map((part) => this._part(part)), ...this._document.methods()];
    }

    // See Document.locate.
    locate(kind, index) {
        return this._document.locate(this._parts, kind, index);
    }

    _part(part) {
        const root = this._document.root(part.root);
        const graph = this._document.level(root, { name: text(part.path) || text(part.kind), root: true });
        graph.part = text(part.path);
        graph.root = part.root;
        graph.metadata = [
            argument('kind', text(part.kind)),
            argument('tensors', text(part.tensors)),
            ...(text(part.prefix) ? [argument('prefix', text(part.prefix))] : [])
        ];
        graph.metrics = [argument('parameters', figure(this._document.tree.parameters[root]))];
        this._parts.set(root, graph);
        return graph;
    }
}

export class ModelFactory {

    async match(context) {
        const stream = context.stream;
        if (stream) {
            const head = new TextDecoder('utf-8').decode(stream.peek(Math.min(64, stream.length)));
            if (new RegExp(`^\\s*{\\s*"signature"\\s*:\\s*"${SIGNATURE}"`).test(head)) {
                return context.set('pthview', null);
            }
        }
        return null;
    }

    async open(context) {
        return new Model(JSON.parse(new TextDecoder('utf-8').decode(context.stream.peek())));
    }
}
