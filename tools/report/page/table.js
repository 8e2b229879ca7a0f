// The table of tensors: sorted by any column, filtered, each row unfolding to its histogram, picture and figures.

const AT_ONCE = 500;  // rows that are drawn before one comes to their end

const startTable = (data) => {
  const figure = Object.fromEntries(data.figures.map(([name], i) => [name, i]));
  const of = (tensor, name) => tensor.f ? tensor.f[figure[name]] : null;
  const columns = [
    { title: 'name', value: (t) => t.n },
    { title: 'dtype', value: (t) => t.d },
    { title: 'shape', value: (t) => t.s.length * 1e15 + t.e, text: (t) => `[${t.s.join(', ')}]` },
    { title: 'elements', right: true, value: (t) => t.e, text: (t) => withCommas(t.e) },
    ...['mean', 'std', 'min', 'max'].map((name) => ({ title: name, right: true, value: (t) => of(t, name), text: (t) => short(of(t, name)) })),
    { title: 'zeros', right: true, value: (t) => t.f && of(t, 'count') ? of(t, 'zeros') / of(t, 'count') : null, text: (t) => t.f ? share(of(t, 'zeros'), of(t, 'count')) : '-' },
    { title: 'warnings', right: true, value: (t) => (t.w || []).length, text: (t) => t.w ? `⚠ ${t.w.length}` : '' },
  ].filter(({ title }) => title !== 'warnings' || data.tensors.some((t) => t.w));
  const state = { column: -1, down: false, text: '', dtype: '', part: '', warned: false, shown: AT_ONCE };

  // ---- one row, unfolded ----
  const factsOf = (tensor) => {
    const facts = make('dl', { class: 'facts wide' });
    const put = (name, text, title) => facts.append(make('dt', { text: name, title: title || '' }), make('dd', { text }));
    put('kind', tensor.k);
    put('bytes', inBytes(tensor.b));
    if (tensor.g !== undefined) put('requires_grad', tensor.g ? 'True' : 'False');
    if (tensor.f) {
      data.figures.forEach(([name, meaning], i) => {
        const value = tensor.f[i];
        if (value !== null) put(name, Number.isInteger(value) ? withCommas(value) : short(value), meaning);
      });
    }
    if (tensor.o) {
      put('optimizer', tensor.o[0]);
      if (tensor.o[1] !== null) put('gradient', short(tensor.o[1]), 'root mean square that the optimizer remembers');
      if (tensor.o[2] !== null) put('update / weight', short(tensor.o[2]), 'the next step over the weight');
    }
    return facts;
  };
  const detailOf = (tensor) => {
    const box = make('div');
    const where = tensor.p !== undefined && data.parts[tensor.p] ? `in ${data.parts[tensor.p]}` : '';
    box.append(make('div', { class: 'path' }, make('code', { text: tensor.n }), make('small', { text: ` ${where}${tensor.t ? `; the same values as ${tensor.t}` : ''}` })));
    for (const [code, why, meaning] of tensor.w || []) {
      box.append(make('div', { class: 'warning' }, make('b', { text: code }), ` ${why}: ${meaning}`));
    }
    if (tensor.r) box.append(make('p', { text: `No figures: ${tensor.r}` }));
    if (tensor.h) box.append(histogramOf(tensor.h));
    if (tensor.i) box.append(pictureOf(tensor.i));
    box.append(factsOf(tensor));
    return make('tr', { class: 'unfolded' }, make('td', { class: 'detail', colspan: columns.length }, box));
  };
  const toggle = (row, tensor) => {
    const open = row.classList.toggle('open');
    row.querySelector('.name').setAttribute('aria-expanded', open);
    if (open) row.after(detailOf(tensor));
    else row.nextElementSibling.remove();
  };

  // ---- all rows ----
  const rowOf = (tensor) => {
    const row = make('tr', { class: 'row' });
    columns.forEach((column, i) => {
      const text = column.text ? column.text(tensor) : column.value(tensor);
      const cell = make('td', column.right ? { class: 'right' } : {});
      if (i === 0) cell.append(make('button', { type: 'button', class: 'name', text, title: text, 'aria-expanded': 'false' }));
      else if (column.title === 'warnings') cell.append(make('span', { class: 'flag', text }));
      else cell.textContent = text;
      row.append(cell);
    });
    row.addEventListener('click', () => toggle(row, tensor));
    return row;
  };
  const body = make('tbody');
  const count = make('span', { id: 'count', role: 'status' });
  const more = make('button', { type: 'button', class: 'more', text: 'more rows', onclick: () => grow(state.shown + AT_ONCE) });
  let chosen = [];
  const chosenRows = () => {
    const wanted = state.text.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = data.tensors.filter((t) => (!state.dtype || t.d === state.dtype) && (!state.part || String(t.p) === state.part) &&
      (!state.warned || t.w) && wanted.every((word) => t.n.toLowerCase().includes(word)));
    if (state.column < 0) return rows;
    const { value } = columns[state.column];
    const keys = new Map(rows.map((t) => [t, value(t)]));
    const none = (key) => key === null || key === undefined;
    const compare = (a, b) => typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), 'en', { numeric: true });
    return rows.sort((s, t) => {
      const a = keys.get(s);
      const b = keys.get(t);
      if (none(a) || none(b)) return none(a) - none(b);  // last, whichever way round
      return (state.down ? -1 : 1) * compare(a, b);
    });
  };
  const grow = (upTo) => {
    const rows = document.createDocumentFragment();
    for (const tensor of chosen.slice(state.shown, upTo)) rows.append(rowOf(tensor));
    body.append(rows);
    state.shown = upTo;
    more.hidden = chosen.length <= upTo;
  };
  const fill = () => {
    chosen = chosenRows();
    const upTo = state.shown;
    state.shown = 0;
    body.replaceChildren();
    grow(upTo);
    count.textContent = chosen.length === data.tensors.length ? `${withCommas(chosen.length)} tensors` : `${withCommas(chosen.length)} of ${withCommas(data.tensors.length)} tensors`;
    heads.forEach((head, i) => {
      head.setAttribute('aria-sort', i !== state.column ? 'none' : state.down ? 'descending' : 'ascending');
      head.firstChild.textContent = columns[i].title + (i !== state.column ? '' : state.down ? ' ▾' : ' ▴');
    });
  };
  const heads = columns.map((column, i) => make('th', { scope: 'col', class: column.right ? 'right' : '' }, make('button', {
    type: 'button', text: column.title, onclick: () => {
      // Numbers first from the largest, texts from A; the third click gives the file's order back.
      const first = Boolean(column.right);
      if (state.column !== i) Object.assign(state, { column: i, down: first });
      else if (state.down === first) state.down = !first;
      else state.column = -1;
      fill();
    } })));

  const changed = (change) => (event) => { change(event.target); state.shown = AT_ONCE; fill(); };
  const choice = (label, all, values, set) => make('select', { 'aria-label': label, onchange: changed((from) => set(from.value)) },
    make('option', { value: '', text: all }), ...values.map(([value, text]) => make('option', { value, text })));
  const dtypes = [...new Set(data.tensors.map((t) => t.d))].sort();
  const parts = [...new Set(data.tensors.map((t) => t.p))].filter((p) => p !== undefined);
  const search = make('input', { type: 'search', placeholder: 'filter by name', 'aria-label': 'filter by name', oninput: changed((from) => { state.text = from.value; }) });
  const controls = document.getElementById('controls');
  controls.append(search);
  if (dtypes.length > 1) controls.append(choice('dtype', 'all dtypes', dtypes.map((d) => [d, d]), (value) => { state.dtype = value; }));
  if (parts.length > 1) controls.append(choice('section', 'all sections', parts.map((p) => [p, data.parts[p] || 'the file']), (value) => { state.part = value; }));
  if (data.tensors.some((t) => t.w)) {
    controls.append(make('label', {}, make('input', { type: 'checkbox', onchange: changed((from) => { state.warned = from.checked; }) }), 'with warnings'));
  }
  controls.append(count);
  document.getElementById('table').append(make('table', {}, make('thead', {}, make('tr', {}, ...heads)), body), more);
  fill();
  new IntersectionObserver(([entry]) => entry.isIntersecting && grow(state.shown + AT_ONCE), { rootMargin: '400px' }).observe(more);
  window.addEventListener('beforeprint', () => grow(chosen.length));

  // From elsewhere on the page: shows one tensor, unfolded.
  return (index) => {
    const tensor = data.tensors[index];
    Object.assign(state, { text: '', dtype: '', part: '', warned: false, column: -1, shown: Math.max(AT_ONCE, index + 1) });
    controls.querySelectorAll('input, select').forEach((control) => {
      if (control.type === 'checkbox') control.checked = false;
      else control.value = '';
    });
    fill();
    const row = body.children[index];
    toggle(row, tensor);
    row.scrollIntoView({ block: 'start' });
    row.querySelector('.name').focus({ preventScroll: true });
  };
};
