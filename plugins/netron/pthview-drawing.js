// How Netron draws, adjusted, and the way to something that is not drawn yet.

import { decorateTensor } from './pthview-histogram.js';
import { toast } from './pthview-page.js';

let refreshed = Promise.resolve(); // the last redraw

// What is unfolded when `graph` is drawn for the first time: a graph of hardly more than one block says nothing yet.
const unfolded = (graph) => {
    const nodes = graph.width <= 3 ? graph.nodes : [];
    const blocks = nodes.map((node) => node.block).filter((block) => block);
    return new Set(blocks.length === 1 && blocks[0].width <= 50 ? blocks : []);
};

// Before measuring a graph Netron waits three frames, and the same again for every unfolded block inside it. What is
// inside is laid out with what is outside, so the wait for that is enough.
const waitOnce = (Graph) => {
    const waiting = Graph.prototype.measure;
    const plain = Object.getPrototypeOf(Graph.prototype).measure;
    let depth = 0;
    Graph.prototype.measure = async function measure() {
        depth++;
        try {
            await (depth === 1 ? waiting : plain).call(this);
        } finally {
            depth--;
        }
    };
};

export const adjustDrawing = (view) => {
    waitOnce(window.exports.view.Graph);
    const updateTarget = view._updateTarget.bind(view);
    view._updateTarget = (model, path) => {
        const [entry] = path;
        if (entry && !entry.state && Number.isInteger(entry.target.width)) {
            entry.state = { blocks: unfolded(entry.target), zoom: 1 };
        }
        return updateTarget(model, path);
    };
    // One at a time: the end of each closes the sidebar, also one that a later step has opened.
    const refresh = view.refresh.bind(view);
    view.refresh = (anchor) => {
        refreshed = refreshed.catch(() => {}).then(() => refresh(anchor));
        return refreshed;
    };
    const showTensorProperties = view.showTensorProperties.bind(view);
    view.showTensorProperties = (value, source) => {
        showTensorProperties(value, source);
        // Netron marks what the sidebar shows on the outermost level only.
        const shown = view.target.find(value);
        if (shown && shown.context !== view.target) {
            shown.context.select([value]);
        }
        decorateTensor(view, value).catch((error) => toast(error.message));
    };
};

// Unfolds to a module or tensor and selects it; a tensor is opened in the sidebar.
export const reveal = async (view, kind, index) => {
    const location = view.model.locate(kind, index);
    if (!location) {
        return;
    }
    await refreshed.catch(() => {});
    if (view.activeTarget !== location.target) {
        const state = { blocks: new Set(location.blocks), zoom: 1 };
        await view._updateTarget(view.model, [{ target: location.target, signature: null, state }]);
    } else {
        const folded = location.blocks.filter((block) => !view.target.blocks.has(block));
        if (folded.length > 0) {
            folded.forEach((block) => view.target.blocks.add(block));
            await view.refresh();
        }
    }
    const shown = location.node && view.target.find(location.node);
    if (!shown) {
        view.showTargetProperties(location.target);
        return;
    }
    const selection = shown.context.activate(location.node, 'target');
    if (location.argument) {
        view.showTensorProperties(location.argument, 'sidebar');
    }
    view.target.scrollTo(selection && selection.length > 0 ? selection : [shown.element], 'instant');
};
