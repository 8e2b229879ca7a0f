// What pthview adds to Netron's page: the bar (files, search, facts, findings), the histogram of an opened tensor,
// reloading, and the removal of what would leave the page. Loaded before Netron, which it takes over the moment
// index.js stores the running viewer in window.__view__. All text reaches the page as text nodes.

(() => {
    const chosen = (files) => {
        const id = new URLSearchParams(window.location.search).get('file');
        return files.find((entry) => entry.id === id) || files[0];
    };
    const request = async (address) => {
        const response = await fetch(address);
        if (!response.ok) {
            const reply = await response.json().catch(() => ({}));
            throw new Error((reply.error && reply.error.message) || `The server answered ${response.status}.`);
        }
        return response;
    };
    const json = async (address) => (await request(address)).json();
    // Asked for while Netron's own modules still load.
    const listing = json('api/v1/files');
    const opening = listing.then(async ({ files }) => {
        const file = chosen(files);
        const address = `data/${encodeURIComponent(file.id)}.netron`;
        const read = async () => new Uint8Array(await (await request(address)).arrayBuffer());
        return { address, bytes: file.error ? null : await read() };
    });
    opening.catch(() => {});

    let view = null;
    let refreshed = Promise.resolve(); // the last redraw
    let file = null; // the row of /api/v1/files that is shown

    // Elements from ('tag', 'class', children or text).
    const make = (tag, className, ...children) => {
        const element = document.createElement(tag);
        if (className) {
            element.className = className;
        }
        element.append(...children);
        return element;
    };
    const count = (value, noun) => `${value.toLocaleString('en-US')} ${noun}${value === 1 ? '' : 's'}`;
    const size = (bytes) => {
        let [value, unit] = [bytes, 0];
        for (; value >= 1000 && unit < 4; unit++) {
            value /= 1000;
        }
        return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${['B', 'kB', 'MB', 'GB', 'TB'][unit]}`;
    };
    const short = (value) => {
        const [unit, divisor] = value >= 1e9 ? [' B', 1e9] : value >= 1e6 ? [' M', 1e6] : value >= 1e4 ? [' k', 1e3] : ['', 1];
        return divisor === 1 ? String(value) : `${(value / divisor).toFixed(value / divisor < 100 ? 1 : 0)}${unit}`;
    };
    const toast = (message) => document.body.append(make('div', 'pthview-toast', message));

    // ---- Files -------------------------------------------------------------------------------------------------

    const address = (id) => {
        const params = new URLSearchParams(window.location.search);
        params.set('file', id);
        return `${window.location.pathname}?${params}`;
    };

    const fileElement = (files) => {
        if (files.length === 1) {
            const element = make('span', 'pthview-file', file.name);
            element.title = file.name;
            return element;
        }
        const select = make('select', 'pthview-file');
        select.title = 'Files';
        for (const entry of files) {
            const option = make('option', '', entry.error ? `${entry.name} (error)` : entry.name);
            option.value = entry.id;
            option.selected = entry.id === file.id;
            select.append(option);
        }
        select.addEventListener('change', () => window.location.assign(address(select.value)));
        select.addEventListener('keydown', (event) => event.stopPropagation());
        return select;
    };

    // ---- Search ------------------------------------------------------------------------------------------------

    // Unfolds to a module or tensor and selects it; a tensor is opened in the sidebar.
    const reveal = async (kind, index) => {
        const location = view.model.locate(kind, index);
        if (!location) {
            return;
        }
        await refreshed.catch(() => {});
        if (view.activeTarget !== location.target) {
            await view._updateTarget(view.model, [{ target: location.target, signature: null }]);
        }
        const folded = location.blocks.filter((block) => !view.target.blocks.has(block));
        if (folded.length > 0) {
            folded.forEach((block) => view.target.blocks.add(block));
            await view.refresh();
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

    const searchElement = () => {
        const input = make('input');
        const hits = make('ul', 'pthview-hits');
        const element = make('div', 'pthview-search', input, hits);
        let rows = [];
        let active = 0;
        let timer = 0;
        let asked = 0;
        let shown = ''; // the text that `rows` answer
        input.type = 'text';
        input.placeholder = 'Search layers and tensors (Ctrl+K)';
        input.setAttribute('aria-label', 'Search layers and tensors');
        input.spellcheck = false;
        const close = () => hits.classList.remove('pthview-open');
        const mark = (at) => {
            active = Math.max(0, Math.min(at, rows.length - 1));
            rows.forEach((row, i) => row.element.classList.toggle('pthview-active', i === active));
            if (rows[active]) {
                rows[active].element.scrollIntoView({ block: 'nearest' });
            }
        };
        const pick = (row) => {
            if (row) {
                close();
                input.blur();
                reveal(row.kind, row.index).catch((error) => toast(error.message));
            }
        };
        const note = (text) => hits.append(make('li', 'pthview-note', text));
        const search = async () => {
            const text = input.value.trim();
            const question = ++asked;
            if (!text) {
                rows = [];
                close();
                return;
            }
            let reply = null;
            try {
                reply = await json(`api/v1/files/${encodeURIComponent(file.id)}/search?limit=50&q=${encodeURIComponent(text)}`);
            } catch (error) {
                reply = { hits: [], total: 0, error: error.message };
            }
            if (question !== asked) {
                return;
            }
            hits.replaceChildren();
            rows = reply.hits.map((hit) => {
                const row = { kind: hit.kind, index: hit.index, element: make('li', '',
                    make('span', '', make('bdi', '', hit.path)), make('small', '', hit.kind)) };
                row.element.title = hit.path;
                row.element.addEventListener('pointerdown', (event) => {
                    event.preventDefault();
                    pick(row);
                });
                hits.append(row.element);
                return row;
            });
            if (reply.error || rows.length === 0) {
                note(reply.error || 'Nothing found.');
            } else if (reply.total > rows.length) {
                note(`${(reply.total - rows.length).toLocaleString('en-US')} more`);
            }
            shown = text;
            hits.classList.add('pthview-open');
            mark(0);
        };
        const enter = async () => {
            if (input.value.trim() !== shown) {
                window.clearTimeout(timer);
                await search();
            }
            pick(rows[active]);
        };
        input.addEventListener('input', () => {
            window.clearTimeout(timer);
            timer = window.setTimeout(search, 80);
        });
        input.addEventListener('focus', () => input.value && search());
        input.addEventListener('blur', close);
        input.addEventListener('keydown', (event) => {
            event.stopPropagation(); // Netron's shortcuts would act on what is typed
            switch (event.key) {
                case 'ArrowDown': mark(active + 1); break;
                case 'ArrowUp': mark(active - 1); break;
                case 'Enter': enter(); break;
                case 'Escape': input.value = ''; input.blur(); break;
                default: return;
            }
            event.preventDefault();
        });
        const focus = () => {
            input.focus();
            input.select();
        };
        // Before Netron's own handlers: Ctrl+K turns its graph, Ctrl+F finds only what is drawn.
        window.addEventListener('keydown', (event) => {
            const control = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
            const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
            if ((control && (event.key === 'k' || event.key === 'f')) || (event.key === '/' && !typing && !event.ctrlKey && !event.altKey)) {
                event.preventDefault();
                event.stopImmediatePropagation();
                focus();
            }
        }, true);
        view.find = focus;
        // Netron moves the focus to the graph after each redraw, also from under what is being typed.
        const target = document.getElementById('target');
        target.focus = (options) => {
            if (document.activeElement !== input) {
                HTMLElement.prototype.focus.call(target, options);
            }
        };
        return element;
    };

    // ---- Facts and findings ------------------------------------------------------------------------------------

    const dangerous = (finding) => /danger|error|critical/i.test(finding.severity);

    const showFindings = (findings) => {
        const element = make('div', 'sidebar-object');
        for (const finding of findings) {
            const severity = /^[a-z]+$/.test(finding.severity) ? finding.severity : 'info';
            const code = [finding.severity, finding.code].filter((part) => part).join(' ');
            element.append(make('div', `pthview-finding pthview-${severity}`, String(finding.text || ''),
                make('small', '', finding.where ? `${code} \u00b7 ${finding.where}` : code)));
        }
        view._sidebar.open({ identifier: 'findings', element, render: () => {} }, 'Findings');
    };

    const describe = (info, data) => {
        const facts = [data.format];
        if (file.size) {
            facts.push(size(file.size));
        }
        facts.push(count(data.tensors, 'tensor'), `${short(data.parameters)} parameters`);
        info.replaceChildren(...facts.filter((fact) => fact).map((fact) => make('span', '', fact)));
        if (data.inferred) {
            const element = make('span', '', 'graph inferred from order and shapes');
            element.title = 'The file holds weights, not a graph: each layer points to the one that stands after it.';
            info.append(element);
        }
        if (data.findings.length > 0) {
            const danger = data.findings.some(dangerous);
            const button = make('button', `pthview-findings${danger ? ' pthview-danger' : ''}`, count(data.findings.length, 'finding'));
            button.addEventListener('click', () => showFindings(data.findings));
            info.after(button);
        }
    };

    // ---- An opened tensor --------------------------------------------------------------------------------------

    const histogramElement = (histogram) => {
        const counts = histogram.counts;
        const highest = Math.max(...counts);
        const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
        svg.setAttribute('class', 'pthview-histogram');
        svg.setAttribute('viewBox', `0 0 ${counts.length} 100`);
        svg.setAttribute('preserveAspectRatio', 'none');
        counts.forEach((value, i) => {
            if (value > 0) {
                const height = Math.max(1, 96 * value / highest);
                const bar = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
                const attributes = { x: i + 0.05, y: 100 - height, width: 0.9, height, fill: 'currentColor' };
                Object.entries(attributes).forEach(([name, value]) => bar.setAttribute(name, value));
                const title = document.createElementNS('http://www.w3.org/2000/svg', 'title');
                title.textContent = value.toLocaleString('en-US');
                bar.append(title);
                svg.append(bar);
            }
        });
        const label = (value) => typeof value === 'number' ? String(Number(value.toPrecision(4))) : String(value);
        return [svg, make('div', 'pthview-scale', make('span', '', label(histogram.low)), make('span', '', label(histogram.high)))];
    };

    // Netron's sidebar shows values and the five statistics; the histogram and the facts of the file go below.
    const decorateTensor = async (value) => {
        const stack = view._sidebar._stack;
        const sidebar = stack.length > 0 ? stack[stack.length - 1].content : null;
        const tensor = value.value[0].initializer;
        if (!sidebar || sidebar.identifier !== 'tensor' || !tensor || !tensor.read) {
            return;
        }
        await tensor.read();
        const reply = tensor.reply || {};
        if (reply.histogram && reply.histogram.counts && reply.histogram.counts.some((value) => value > 0)) {
            sidebar.addSection('Histogram');
            sidebar.element.append(...histogramElement(reply.histogram));
        }
        const known = ['kind', 'layout', 'bytes']; // stand above already
        const facts = (Array.isArray(reply.facts) ? reply.facts : []).filter(([name]) => !known.includes(name));
        if (facts.length > 0) {
            sidebar.addSection('Storage');
            for (const [name, text] of facts) {
                sidebar.addProperty(String(name), String(text));
            }
        }
    };

    // ---- Reloading ---------------------------------------------------------------------------------------------

    const watch = () => {
        const events = new EventSource('api/v1/events');
        events.addEventListener('changed', (event) => {
            if (JSON.parse(event.data).id === file.id) {
                events.close();
                window.location.reload();
            }
        });
        const ended = () => {
            events.close();
            toast('pthview has ended: what is drawn stays, values can no longer be read.');
        };
        // A tunnel may drop and come back, and the file may have changed meanwhile.
        let failures = 0;
        events.addEventListener('bye', ended);
        events.addEventListener('error', () => ++failures === 3 && ended());
        events.addEventListener('open', async () => {
            const lost = failures > 0;
            failures = 0;
            if (lost && chosen((await json('api/v1/files')).files).version !== file.version) {
                window.location.reload();
            }
        });
        window.addEventListener('pagehide', () => events.close());
    };

    // ---- Netron ------------------------------------------------------------------------------------------------

    const pruneMenu = (menu) => {
        const gone = /^(&Open\.\.\.|Report &Issue|&About .*)$/;
        for (const group of menu.items) {
            for (const item of group.items.filter((item) => item.type === 'command' && gone.test(item.label))) {
                menu.unregister(item);
                group.items.splice(group.items.indexOf(item), 1);
            }
            group.items.filter((item) => item.type === 'command' && item.accelerator === 'CmdOrCtrl+K').forEach((item) => {
                menu.unregister(item);
                item.shortcut = '';
            });
        }
        menu.items = menu.items.filter((group) => group.items.length > 0);
    };

    // A graph of hardly more than one folded block says nothing yet.
    const unfoldLone = async () => {
        const nodes = view.activeTarget ? view.activeTarget.nodes : [];
        const blocks = nodes.map((node) => node.block).filter((block) => block);
        if (nodes.length <= 3 && blocks.length === 1 && blocks[0].nodes.length <= 50) {
            view.target.blocks.add(blocks[0]);
            await view.refresh();
        }
    };

    // In place of Netron's own start, which would take addresses from the query and files from drag and drop.
    const start = async (host) => {
        const { files, watch: watched } = await listing;
        file = chosen(files);
        pruneMenu(view._menu);
        const info = make('span', 'pthview-info');
        document.body.append(make('div', 'pthview-bar', fileElement(files), searchElement(), info));
        if (watched) {
            watch();
        }
        try {
            const { address, bytes } = await opening;
            if (!bytes) {
                throw new Error(String(file.error));
            }
            const { BinaryStream } = await import('./base.js');
            const { Context } = window.exports.browser;
            if (await host._openContext(new Context(host, address, null, file.name, new BinaryStream(bytes))) !== '') {
                throw new Error('The graph could not be drawn.');
            }
            await unfoldLone();
            describe(info, view.model.data);
            if (view.model.data.tensors === 0) {
                view.showModelProperties(); // nothing to draw: what else the file holds
            }
            document.documentElement.dataset.pthview = 'drawn';
        } catch (error) {
            info.textContent = 'could not be opened';
            view.show('welcome');
            host.message(error.message);
            document.documentElement.dataset.pthview = 'failed';
        }
    };

    const adopt = () => {
        const host = view.host;
        host._getCookie = (name) => name === 'consent' ? '1' : ''; // nothing is collected, so nothing is asked
        host.save = null; // it would save the first 10,000 values as if they were the tensor
        host.openURL = () => {};
        host.start = () => start(host);
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
            decorateTensor(value).catch((error) => toast(error.message));
        };
    };

    // index.js would first load the parsers of every other format, a third of the time to the first graph.
    document.addEventListener('DOMContentLoaded', () => {
        window.exports.preload = (callback) => {
            Promise.all([import('./view.js'), import('./browser.js')]).then(() => callback(), (error) => callback(null, error));
        };
    });

    Object.defineProperty(window, '__view__', {
        configurable: true,
        get: () => view,
        set: (value) => {
            view = value;
            adopt();
        }
    });
})();
