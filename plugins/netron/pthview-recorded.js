// Graphs that come after the first drawing: the recorded one that a plug-in still computes, and the choice between all of
// a graph and its simplified form.

import { graphs } from './pthview-files.js';
import { toast } from './pthview-page.js';
import { blocksByKey } from './pthview-state.js';

const ASK = 700; // ms between two questions whether the graph is there

// Draws the same part again from the graphs that are known now; what was unfolded and selected stays so.
export const redraw = async (view) => {
    const keys = new Set(Array.from(view.target ? view.target.blocks : [], (block) => block.key));
    const { part } = view.activeTarget || {};
    const zoom = view.target ? view.target.zoom : 1;
    const entry = view._sidebar._stack[view._sidebar._stack.length - 1];
    const content = entry ? entry.content : null;
    view.model.useGraphs();
    const target = view.model.modules.find((graph) => graph.part === part) || view.model.modules[0];
    if (!target) {
        return;
    }
    await view._updateTarget(view.model, [{ target, signature: null, state: { blocks: blocksByKey(target, keys), zoom } }]);
    if (content && content.tensor) {
        await view.revealItem('tensor', content.tensor.index);
    } else if (content && content.node && content.node.module >= 0) {
        await view.revealItem('module', content.node.module);
    } else {
        view._sidebar.close();
    }
};

// `first` is the server's first answer. Says that a graph is coming, and draws it when it is there.
export const followGraphs = async (view, first) => {
    const drawn = view.model.document.graphCount;
    let reply = await first;
    const notice = document.createElement('span');
    notice.className = 'pthview-coming';
    notice.setAttribute('role', 'status');
    while (reply.state === 'coming') {
        notice.textContent = reply.message || 'the recorded graph is coming\u2026';
        if (!notice.isConnected) {
            document.querySelector('.pthview-info').after(notice);
        }
        await new Promise((resolve) => window.setTimeout(resolve, ASK));
        reply = await graphs.read();
    }
    notice.remove();
    if (reply.state === 'failed') {
        toast(`The recorded graph cannot be shown: ${reply.message}`, true);
    }
    if (graphs.known.length > 0 && view.model.document.graphCount === drawn && drawn < graphs.known.length) {
        await redraw(view);
    }
};

// Whether constants, lists, dropout in eval and dead branches are drawn. Resolves when it is drawn so.
export const setSimplified = async (view, simplified) => {
    graphs.simplified = simplified;
    await redraw(view);
};
