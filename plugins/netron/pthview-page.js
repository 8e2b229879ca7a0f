// Elements and requests. All text reaches the page as text nodes.

// An element from ('tag', 'class', children or text).
export const make = (tag, className, ...children) => {
    const element = document.createElement(tag);
    if (className) {
        element.className = className;
    }
    element.append(...children);
    return element;
};

const TOAST = 8000; // ms
const stack = make('div', 'pthview-toasts');
stack.setAttribute('role', 'status');

// A message at the foot of the page; a `lasting` one stays until it is clicked.
export const toast = (message, lasting = false) => {
    if (!stack.isConnected) {
        document.body.append(stack);
    }
    if (Array.from(stack.children).some((element) => element.textContent === message)) {
        return;
    }
    const element = make('button', 'pthview-toast', message);
    element.title = 'Dismiss';
    element.addEventListener('click', () => element.remove());
    stack.append(element);
    if (!lasting) {
        window.setTimeout(() => element.remove(), TOAST);
    }
};

const GONE = 'pthview has ended or cannot be reached: what is drawn stays, values can no longer be read. Start `pthview serve` again and reload.';

// The server's reply; throws its message when it refuses. When `signal` gives up, the connection is closed, from which
// the server knows that nobody waits for what it computes.
export const request = async (address, signal) => {
    let response = null;
    try {
        response = await fetch(address, { signal });
    } catch (error) {
        if (error.name === 'AbortError') {
            throw error;
        }
        toast(GONE, true);
        throw new Error('the server does not answer.');
    }
    if (response.status === 403) {
        throw new Error('this page belongs to a server that has ended; open the address that the new one printed.');
    }
    if (!response.ok) {
        const reply = await response.json().catch(() => ({}));
        const { error } = reply;
        throw new Error(error && error.message ? [error.message, error.hint].filter((part) => part).join('. ') : `The server answered ${response.status}.`);
    }
    return response;
};

export const gone = () => toast(GONE, true);

export const json = async (address, signal) => (await request(address, signal)).json();
